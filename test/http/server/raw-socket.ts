/** HTTP as bytes on a bare socket: requests that no client library would send, and the exact answers. */
import net from 'node:net';
import { ADMIN_KEY } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

export interface RawAnswer {
  status: number;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: string;
}

export interface RawSocket {
  socket: net.Socket;
  /** All input so far. */
  received(): string;
  /** Resolves when the input matches. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves to all input when the server has ended the connection. */
  ended(): Promise<string>;
}

/** A connection on which the text has been sent. The test's own side stays open unless `end` is true. */
export function sendRaw(
  t: { after(fn: () => void): void },
  url: string,
  text: string | Buffer,
  { end = false }: { end?: boolean } = {},
): RawSocket {
  const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  let received = '';
  let isEnded = false;
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1');
  });
  socket.on('end', () => {
    isEnded = true;
    socket.end();
  });
  socket.on('error', (error) => {
    received += `\n[${(error as NodeJS.ErrnoException).code}]`;
  });
  socket.on('close', () => {
    isEnded = true;
  });
  socket.write(text, 'latin1');
  if (end) socket.end();
  return {
    socket,
    received: () => received,
    async until(pattern) {
      await waitFor(async () => pattern.test(received) || isEnded, { what: `${pattern} in ${received}` });
      if (!pattern.test(received)) throw new Error(`the connection ended without ${pattern}: ${received}`);
      return received;
    },
    async ended() {
      await waitFor(async () => isEnded, { what: `the end after ${received}` });
      return received;
    },
  };
}

/** A request's head and body as they are sent, with the admin key and a Content-Length. */
export function rawRequest(
  method: string,
  path: string,
  { body, headers = {} }: { body?: string | undefined; headers?: Record<string, string> } = {},
): string {
  const all = {
    Host: 'test',
    Authorization: `Bearer ${ADMIN_KEY}`,
    ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`;
}

/** The answers in the input, in order, each with a Content-Length or chunked; throws for anything else. */
export function answersIn(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  while (rest !== '') {
    const [head = '', status] = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/.exec(rest) ?? [];
    if (!status) throw new Error(`no answer begins here: ${JSON.stringify(rest)}`);
    rest = rest.slice(head.length);
    const headers = Object.fromEntries(
      [...head.matchAll(/^([^:\r\n]+): *(.*)\r$/gm)].map(([, name = '', value = '']) => [
        name.toLowerCase(),
        value,
      ]),
    );
    let body = '';
    if (headers['transfer-encoding'] === 'chunked') {
      for (;;) {
        const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(rest) ?? [];
        const bytes = Number.parseInt(size, 16);
        if (line === '') throw new Error(`no chunk begins here: ${JSON.stringify(rest)}`);
        body += rest.slice(line.length, line.length + bytes);
        rest = rest.slice(line.length + bytes + 2);
        if (bytes === 0) break;
      }
    } else {
      const bytes = Number(headers['content-length'] ?? 0);
      body = rest.slice(0, bytes);
      if (body.length < bytes) throw new Error(`the body is cut off: ${JSON.stringify(received)}`);
      rest = rest.slice(bytes);
    }
    answers.push({ status: Number(status), headers, body });
  }
  return answers;
}
