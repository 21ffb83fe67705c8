/**
 * The product as its callers see it: the API and one worker process, on a database of the benchmark's
 * Postgres.
 */
import { randomBytes } from 'node:crypto';
import { type Client, createClient } from './client.ts';
import { startMain } from './main-process.ts';
import { createDatabase } from './postgres.ts';
import { nodeProcesses } from './processes.ts';
import { batchBody } from './workload.ts';

export interface Product extends AsyncDisposable {
  url: string;
  /** The admin key. */
  key: string;
  databaseUrl: string;
  /** A client with the admin key. */
  client: Client;
  /** A client with another key. */
  clientOf(key: string): Client;
  /** The processes of the API and of its worker. */
  pids: readonly number[];
}

/** No rate limit, and a receiver on this machine; all other settings are the defaults. */
const SETTINGS = { PORT: '0', RATE_LIMIT: '0', CALLBACK_ALLOW: '127.0.0.1' };
export const READY = /"msg":"Batchwright is ready at ([^"]+)"/;
export const WORKER_READY = /worker ready/;

/**
 * Resolves when the product and its worker are ready. The signal ends all waits of its clients.
 *
 * @param options.env further settings
 * @param options.imports modules that its processes load first
 * @param options.root another checkout of the product; this one when absent
 */
export async function startProduct(
  postgresUrl: string,
  signal: AbortSignal,
  {
    env = {},
    imports = [],
    root,
  }: { env?: Record<string, string>; imports?: readonly string[]; root?: string | undefined } = {},
): Promise<Product> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase(postgresUrl));
  const key = randomBytes(20).toString('hex');
  const settings = { ...SETTINGS, ADMIN_KEY: key, DATABASE_URL: database.url, ...env };
  const main = startMain({ env: settings, imports, root });
  stack.defer(() => main.stop());
  const [, url = ''] = await main.says(READY, signal);
  await main.says(WORKER_READY, signal);
  const kept = stack.move();
  const clientOf = (ofKey: string) =>
    kept.adopt(createClient({ url, key: ofKey, signal }), (client) => client.close());
  return {
    url,
    key,
    databaseUrl: database.url,
    client: clientOf(key),
    clientOf,
    pids: nodeProcesses(main.pid),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const WARM_UP_JOBS = 10_000;

/** Work that a server has done when it has been running for a while. */
export async function warmUp({ client }: Product): Promise<void> {
  await client.ended(await client.run(batchBody(WARM_UP_JOBS)));
}
