/** The receiver of callbacks: reads each to its end and answers 204. */
import { startLocalServer } from '../../src/demo/local-server.ts';

export interface Receiver extends AsyncDisposable {
  /** The address for a callback of this name. */
  urlOf(name: string): string;
  /**
   * Resolves when the next callback of this name has been read, to the time by `performance.now()`. Call it
   * before the callback comes.
   */
  received(name: string, signal: AbortSignal): Promise<number>;
  /** The number of callbacks read. */
  count(): number;
}

export async function startReceiver(): Promise<Receiver> {
  const waiting = new Map<string, (at: number) => void>();
  let count = 0;
  const server = await startLocalServer((request, response) => {
    request.resume();
    request.once('end', () => {
      const at = performance.now();
      response.writeHead(204).end();
      count += 1;
      waiting.get((request.url ?? '').slice(1))?.(at);
    });
  });
  return {
    urlOf: (name) => `${server.url}/${name}`,
    count: () => count,
    received: (name, signal) =>
      new Promise<number>((resolve, reject) => {
        const onAbort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.set(name, (at) => {
          signal.removeEventListener('abort', onAbort);
          waiting.delete(name);
          resolve(at);
        });
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
