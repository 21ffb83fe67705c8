/** The demo's receiver of callbacks: it keeps the bytes, because the signature is over them. */
import type { IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { startLocalServer } from './local-server.ts';

export interface ReceivedCallback {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Receiver extends AsyncDisposable {
  url: string;
  /** The first callback; rejects when the signal is aborted before. */
  received: Promise<ReceivedCallback>;
}

export async function startReceiver(signal: AbortSignal): Promise<Receiver> {
  const { promise: received, resolve, reject } = Promise.withResolvers<ReceivedCallback>();
  received.catch(() => {}); // thrown by the code that awaits it
  signal.addEventListener('abort', () => reject(signal.reason));
  const server = await startLocalServer((request, response) => {
    buffer(request).then((body) => {
      response.writeHead(204).end();
      resolve({ headers: request.headers, body });
    }, reject);
  });
  return {
    url: `${server.url}/callback`,
    received,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
