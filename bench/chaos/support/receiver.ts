/** The receiver of callbacks: logs each as it came, and answers as configured. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One request that was read to its end. */
export interface Received {
  /** The name in the address. */
  name: string;
  /** By `performance.now()`. */
  at: number;
  webhookId: string;
  /** The tenant whose secret fits the signature; null when none does. */
  signedBy: string | null;
  asyncId: string;
  state: string;
  /** The index of each result, in the order of the body. */
  indexes: readonly number[];
  /** True when it was answered 2xx. */
  accepted: boolean;
}

/** Answers a request in place of 204. `number` counts the requests of this name from 1. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, number: number) => void;

export interface Receiver extends AsyncDisposable {
  port: number;
  /** The address for a callback of this name, on a host of this machine; 127.0.0.1 when absent. */
  urlOf(name: string, host?: string): string;
  /** Sets how callbacks of this name are answered from now on. */
  behave(name: string, behaviour: Behaviour): void;
  /** Checks signatures with the secret of this tenant too. */
  trust(tenant: string, secret: string): void;
  log: readonly Received[];
  /** Refuses connections until `open` is called. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** Listens on every loopback address, 127.0.0.1 to 127.255.255.255. */
export async function startReceiver(): Promise<Receiver> {
  const log: Received[] = [];
  const secrets = new Map<string, Webhook>();
  const behaviours = new Map<string, Behaviour>();
  const counts = new Map<string, number>();

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = (request.url ?? '').slice(1);
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    const body = await read(request);
    (behaviours.get(name) ?? accept)(request, response, number);
    const accepted = response.headersSent && response.statusCode < 300;
    log.push({ name, at: performance.now(), accepted, ...deliveryOf(body, request, secrets) });
  }

  const server = createServer((request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  const listen = async (port: number) => {
    server.listen(port, '0.0.0.0');
    await once(server, 'listening');
  };
  const shut = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    log,
    shut,
    open: () => listen(port),
    urlOf: (name, host = '127.0.0.1') => `http://${host}:${port}/${name}`,
    behave: (name, behaviour) => behaviours.set(name, behaviour),
    trust: (tenant, secret) => secrets.set(tenant, new Webhook(secret)),
    [Symbol.asyncDispose]: shut,
  };
}

function accept(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(204).end();
}

/**
 * Sends a correct answer at one letter per second, so that its headers are incomplete when the sender's time
 * limit is reached.
 */
export function drip(response: ServerResponse): void {
  const letters = [...`HTTP/1.1 200 OK\r\nx-drip: ${'x'.repeat(100)}\r\n\r\n`];
  const timer = setInterval(() => response.socket?.write(letters.shift() ?? ''), 1_000);
  response.socket?.once('close', () => clearInterval(timer));
}

async function read(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function deliveryOf(body: string, { headers }: IncomingMessage, secrets: ReadonlyMap<string, Webhook>) {
  const signedBy = [...secrets].find(([, webhook]) => fits(webhook, body, headers))?.[0] ?? null;
  const { asyncId, state, results } = JSON.parse(body);
  const indexes: number[] = results.map(({ index }: { index: number }) => index);
  return { webhookId: String(headers['webhook-id']), signedBy, asyncId, state, indexes };
}

function fits(webhook: Webhook, body: string, headers: IncomingMessage['headers']): boolean {
  try {
    webhook.verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
