/** The demo's receiver of callbacks: it keeps the bytes, because the signature is over them. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ReceivedCallback {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Receiver {
  url: string;
  /** The first callback; rejects when the signal is aborted before. */
  received: Promise<ReceivedCallback>;
  close(): Promise<void>;
}

export async function startReceiver(signal: AbortSignal): Promise<Receiver> {
  const { promise: received, resolve, reject } = Promise.withResolvers<ReceivedCallback>();
  received.catch(() => {}); // thrown by the code that awaits it
  signal.addEventListener('abort', () => reject(signal.reason));
  const server = createServer((request, response) => {
    read(request).then((callback) => {
      response.writeHead(204).end();
      resolve(callback);
    }, reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    received,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function read(request: IncomingMessage): Promise<ReceivedCallback> {
  return { headers: request.headers, body: await buffer(request) };
}
