import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** After the server stops, a request that is arriving on a connection gets this long to arrive. */
const ARRIVAL_MS = 2_000;

/** A request and its answer, from the request's head to the end of the answer. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The path as it was sent: routers shorten the request's own. */
  path: string | undefined;
}

/** The connections of a server, each with its unanswered requests in their order. */
export class Connections {
  readonly #open = new Map<Socket, Exchange[]>();
  readonly #served = new WeakSet<Socket>();
  #draining = false;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#open.set(socket, []);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** Registers a request. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const exchanges = this.#open.get(socket);
    if (!exchanges) return;
    this.#served.add(socket);
    const exchange = { request, response, path: request.url };
    exchanges.push(exchange);
    if (this.#draining) response.shouldKeepAlive = false;
    response.once('close', () => {
      exchanges.splice(exchanges.indexOf(exchange), 1);
      if (this.#draining && exchanges.length === 0) socket.destroySoon();
    });
  }

  /** True when at least one request has begun on the connection. */
  hasServed(socket: Socket): boolean {
    return this.#served.has(socket);
  }

  /** The requests whose answers have not ended, in their order. */
  on(socket: Socket): readonly Exchange[] {
    return this.#open.get(socket) ?? [];
  }

  /** Connections with requests whose answers have not ended. */
  *busy(): Iterable<[Socket, readonly Exchange[]]> {
    for (const entry of this.#open) if (entry[1].length > 0) yield entry;
  }

  /** Resolves when all answers on the connection have ended, except the given one. */
  async answered(socket: Socket, except?: Exchange): Promise<void> {
    for (;;) {
      const other = this.on(socket).find((exchange) => exchange !== except);
      if (!other) return;
      await new Promise((closed) => other.response.once('close', closed));
    }
  }

  /** Ends every connection after its current answer, or at once if it has none. */
  drain(): void {
    this.#draining = true;
    for (const [socket, exchanges] of this.#open) {
      for (const { response } of exchanges) response.shouldKeepAlive = false;
      if (exchanges.length === 0 && socket.bytesRead === 0) socket.destroy();
    }
    setTimeout(() => {
      for (const [socket, exchanges] of this.#open) if (exchanges.length === 0) socket.destroy();
    }, ARRIVAL_MS).unref();
  }
}
