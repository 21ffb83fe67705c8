/** The plain round trip with which S4 is compared, in a separate process on its own database. */
import { once } from 'node:events';
import { join } from 'node:path';
import { type Client, createClient } from './client.ts';
import { forkHelper } from './fork-helper.ts';
import { createDatabase } from './postgres.ts';

export interface Bare extends AsyncDisposable {
  /** Sends a body with a callbackUrl. */
  post: Client['run'];
}

export async function startBare(postgresUrl: string, signal: AbortSignal): Promise<Bare> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase(postgresUrl));
  const program = join(import.meta.dirname, 'bare-server.ts');
  const { child, end } = forkHelper(program, { DATABASE_URL: database.url });
  stack.defer(end);
  const [port] = await once(child, 'message', { signal });
  const client = stack.adopt(
    createClient({ url: `http://127.0.0.1:${port}`, key: 'none', signal }),
    (opened) => opened.close(),
  );
  const kept = stack.move();
  return { post: client.run, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
