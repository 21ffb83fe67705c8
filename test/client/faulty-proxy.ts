/** A proxy between client and API with faults, each for the next request that matches. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Fault {
  /** Of `POST /v1/batches?…`. */
  matches: RegExp;
  /** Ends the connection without passing the request on. */
  refuse?: boolean;
  /** Ends the connection after this many bytes of the answer; 0 for an answer that is lost. */
  cutAfter?: number;
  /** Ends the connection once the answer had this text. */
  cutAt?: string;
  /** An answer of the proxy's own. */
  answer?: { status: number; headers?: Record<string, string> };
  /** No answer at all: the connection stays. */
  hang?: boolean;
}

export interface FaultyProxy {
  url: string;
  /** Faults that are still to come. */
  faults: Fault[];
  /** Method, path and Idempotency-Key of each request. */
  requests: { line: string; key: string | undefined }[];
}

export async function startFaultyProxy(
  t: { after(fn: () => Promise<unknown>): void },
  target: string,
): Promise<FaultyProxy> {
  const faults: Fault[] = [];
  const requests: FaultyProxy['requests'] = [];
  const server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push({ line, key: request.headers['idempotency-key'] as string | undefined });
    const index = faults.findIndex(({ matches }) => matches.test(line));
    const [fault] = index < 0 ? [] : faults.splice(index, 1);
    if (fault?.hang) return;
    if (fault?.refuse) request.socket.destroy();
    else if (fault?.answer) response.writeHead(fault.answer.status, fault.answer.headers).end();
    else forward(request, response, target, fault);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, faults, requests };
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: string,
  { cutAfter = Number.POSITIVE_INFINITY, cutAt }: Partial<Fault> = {},
): void {
  const passed = send(`${target}${request.url}`, {
    method: request.method ?? 'GET',
    headers: request.headers,
  });
  request.pipe(passed);
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  passed.on('response', (answer) => {
    let left = cutAfter;
    if (left > 0) {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      response.flushHeaders();
    }
    answer.on('error', () => response.destroy());
    answer.on('end', () => (left === Number.POSITIVE_INFINITY ? response.end() : response.destroy()));
    answer.on('data', (bytes: Buffer) => {
      if (left > 0) response.write(bytes.subarray(0, left));
      left = cutAt !== undefined && bytes.includes(cutAt) ? 0 : left - bytes.length;
      if (left <= 0) response.socket?.end(() => response.destroy());
    });
  });
}
