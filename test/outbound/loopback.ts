import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import type { TestContext } from 'node:test';

export interface LoopbackServer {
  port: number;
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Connections accepted so far. */
  connections: number;
  /** Resolves when none of them is open. */
  idle(): Promise<void>;
  /** Ends it before the test does; its port then refuses connections. */
  close(): Promise<void>;
}

/** An HTTP server on a free loopback port that counts its connections; closed when the test ends. */
export function startHttpServer(
  t: TestContext,
  handler: (request: http.IncomingMessage, response: http.ServerResponse) => unknown,
): Promise<LoopbackServer> {
  return listen(
    t,
    http.createServer((request, response) => void handler(request, response)),
  );
}

/** The same with bare sockets, for receivers that misbehave. */
export function startTcpServer(
  t: TestContext,
  handler: (socket: net.Socket) => void,
): Promise<LoopbackServer> {
  return listen(t, net.createServer(handler));
}

async function listen(t: TestContext, server: net.Server): Promise<LoopbackServer> {
  const sockets = new Set<net.Socket>();
  const found: LoopbackServer = {
    port: 0,
    url: '',
    connections: 0,
    async idle() {
      await Promise.all(
        [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
      );
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  server.on('connection', (socket) => {
    found.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  t.after(() => found.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  found.port = (server.address() as AddressInfo).port;
  found.url = `http://127.0.0.1:${found.port}`;
  return found;
}

/** A `lookup` that answers each question with the next list of addresses, and the last one repeatedly. */
export function stubLookup(...answers: string[][]): LookupFunction & { asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (host, options, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(host);
    const found = addresses.map((address) => ({ address, family: net.isIP(address) }));
    const [first] = found;
    setImmediate(() => {
      if (!first) callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);
      else if (options.all) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
  return Object.assign(lookup, { asked });
}
