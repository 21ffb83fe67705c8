/** The demo's side of a callback: a receiver, and the usual check of the signature. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Callback {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Receiver {
  url: string;
  /** The first callback; rejects when the signal is aborted before. */
  received: Promise<Callback>;
  close(): Promise<void>;
}

export async function startReceiver(signal: AbortSignal): Promise<Receiver> {
  const { promise: received, resolve, reject } = Promise.withResolvers<Callback>();
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

async function read(request: IncomingMessage): Promise<Callback> {
  return { headers: request.headers, body: await buffer(request) };
}

/** Older signatures are refused: a request may have been recorded and sent again. */
const TOLERANCE_SECONDS = 300;

/**
 * Checks a callback according to Standard Webhooks: the HMAC-SHA256 of `id.timestamp.body` under the tenant's
 * secret, and the time. Throws an Error that says what is wrong.
 *
 * @param secret `whsec_` and the key in base64, as `GET /v1/callback-secret` returns it
 */
export function verify({ headers, body }: Callback, secret: string): void {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!(age < TOLERANCE_SECONDS)) throw new Error("the callback's timestamp is too far off");

  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest('base64')}`);
  // While a secret is being replaced there may be several, separated by blanks.
  const signatures = String(headers['webhook-signature']).split(' ');
  if (!signatures.some((signature) => isEqual(Buffer.from(signature), expected)))
    throw new Error("the callback's signature is wrong");
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
