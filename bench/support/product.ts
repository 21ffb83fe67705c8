/** The product as its callers see it: the API and one worker process, on a database of the benchmark's Postgres. */
import { randomBytes } from 'node:crypto';
import { type Client, createClient } from './client.ts';
import { startMain } from './main-process.ts';
import { createDatabase } from './postgres.ts';
import { nodeProcesses } from './processes.ts';
import { batchBody } from './workload.ts';

export interface Product extends AsyncDisposable {
  databaseUrl: string;
  /** With the admin key. */
  client: Client;
  /** With another. */
  clientOf(key: string): Client;
  /** The API's process and its worker's. */
  pids: readonly number[];
}

/** Requests that nobody limits, and a receiver on this machine; all else is as it is by default. */
const SETTINGS = { PORT: '0', RATE_LIMIT: '0', CALLBACK_ALLOW: '127.0.0.1' };
export const READY = /"msg":"Batchwright is ready at ([^"]+)"/;
export const WORKER_READY = /worker ready/;

/**
 * Resolves when it is ready, its worker too. The signal ends whatever its clients wait for.
 *
 * @param options.env further settings
 * @param options.imports modules that its processes load first
 */
export async function startProduct(
  postgresUrl: string,
  signal: AbortSignal,
  { env = {}, imports = [] }: { env?: Record<string, string>; imports?: readonly string[] } = {},
): Promise<Product> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase(postgresUrl));
  const key = randomBytes(20).toString('hex');
  const settings = { ...SETTINGS, ADMIN_KEY: key, DATABASE_URL: database.url, ...env };
  const main = startMain({ env: settings, imports });
  stack.defer(() => main.stop());
  const [, url = ''] = await main.says(READY, signal);
  await main.says(WORKER_READY, signal);
  const kept = stack.move();
  const clientOf = (ofKey: string) =>
    kept.adopt(createClient({ url, key: ofKey, signal }), (client) => client.close());
  return {
    databaseUrl: database.url,
    client: clientOf(key),
    clientOf,
    pids: nodeProcesses(main.pid),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const WARM_UP_JOBS = 10_000;

/** What a server has behind it that has been up for a while. */
export async function warmUp({ client }: Product): Promise<void> {
  await client.ended(await client.run(batchBody(WARM_UP_JOBS)));
}
