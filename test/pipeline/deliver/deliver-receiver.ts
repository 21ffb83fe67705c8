/** Receivers of callbacks, on free loopback ports, closed when the test ends. */

import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Json } from '../../support/json.ts';
import { waitFor } from '../../support/wait.ts';

interface TestContext {
  after(fn: () => Promise<unknown> | unknown): void;
}

/** One complete POST. */
export interface ReceivedCallback {
  id: string;
  headers: Record<string, string>;
  body: string;
}

export interface Receiver {
  url: string;
  port: number;
  /** Connections accepted so far. */
  connections: number;
  /** In the order of their last bytes. */
  callbacks: ReceivedCallback[];
  /** Resolves with the first `count` callbacks when they have arrived. */
  received(count: number): Promise<ReceivedCallback[]>;
  /** Makes its port refuse connections. */
  close(): Promise<void>;
}

export interface ReceiverBehaviour {
  /** Answers the callback of this number, from 1; 200 at once when absent. */
  answer?: (response: http.ServerResponse, number: number, request: http.IncomingMessage) => unknown;
  /** Takes over a connection, by its number from 1, when it returns true. */
  connection?: (socket: net.Socket, number: number) => boolean;
}

/** A receiver that stores its requests. */
export async function startReceiver(
  t: TestContext,
  { answer = (response) => response.end(), connection = () => false }: ReceiverBehaviour = {},
): Promise<Receiver> {
  const callbacks: ReceivedCallback[] = [];
  const sockets = new Set<net.Socket>();
  const web = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const headers = request.headers as Record<string, string>;
      callbacks.push({ id: headers['webhook-id'] ?? '', headers, body: Buffer.concat(parts).toString() });
      answer(response, callbacks.length, request);
    });
  });
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    receiver.connections++;
    if (!connection(socket, receiver.connections)) web.emit('connection', socket);
  });
  const receiver: Receiver = {
    url: '',
    port: 0,
    connections: 0,
    callbacks,
    received: (count) =>
      waitFor(async () => callbacks.length >= count && callbacks.slice(0, count), {
        what: `callback ${count} of ${receiver.url}`,
        timeoutMs: 30_000,
      }),
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => receiver.close());
  receiver.port = (server.address() as AddressInfo).port;
  receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
  return receiver;
}

/** The parsed body of a callback with a valid signature. Throws WebhookVerificationError. */
export function verified(secret: string, { body, headers }: ReceivedCallback): Json {
  return new Webhook(secret).verify(body, headers);
}

/** A receiver that leaves requests unread until the test reads them; each is answered 200 at its end. */
export async function startReluctantReceiver(t: TestContext) {
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    request.on('error', () => {}).on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** The request of this number, from 1, when its headers have arrived. */
    request: (number: number) =>
      waitFor(async () => requests[number - 1], { what: `request ${number}`, timeoutMs: 20_000 }),
    /** The bytes that arrive, up to the end or the cut. */
    async read(request: http.IncomingMessage): Promise<{ bytes: Buffer; complete: boolean }> {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      await new Promise((resolve) => request.once('close', resolve));
      return { bytes: Buffer.concat(parts), complete: request.complete };
    },
  };
}
