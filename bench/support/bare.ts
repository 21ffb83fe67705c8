/** The plain round trip with which S4 is compared, in a separate process on its own database. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Client, createClient } from './client.ts';
import { createDatabase } from './postgres.ts';

export interface Bare extends AsyncDisposable {
  /** Sends a body with a callbackUrl. */
  post: Client['run'];
}

export async function startBare(postgresUrl: string, signal: AbortSignal): Promise<Bare> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase(postgresUrl));
  const child = fork(join(import.meta.dirname, 'bare-server.ts'), [], {
    env: { PATH: process.env.PATH, DATABASE_URL: database.url },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill();
    await ended;
  });
  const [port] = await once(child, 'message', { signal });
  const client = stack.adopt(
    createClient({ url: `http://127.0.0.1:${port}`, key: 'none', signal }),
    (opened) => opened.close(),
  );
  const kept = stack.move();
  return { post: client.run, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
