import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long a connection on which a request is just arriving may take to do so once the server stops. */
const ARRIVAL_MS = 2_000;

/** A request and its answer, from its head to the answer's end. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** As it was sent: routers shorten the request's own. */
  path: string | undefined;
}

/** The connections of a server, each with the requests on it whose answers have not ended, in their order. */
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

  /** Takes note of a request. */
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

  /** True once a request has begun on the connection. */
  hasServed(socket: Socket): boolean {
    return this.#served.has(socket);
  }

  /** The requests whose answers have not ended, in their order. */
  on(socket: Socket): readonly Exchange[] {
    return this.#open.get(socket) ?? [];
  }

  /** Those with requests whose answers have not ended. */
  *busy(): Iterable<[Socket, readonly Exchange[]]> {
    for (const entry of this.#open) if (entry[1].length > 0) yield entry;
  }

  /** Resolves when all answers on the connection have ended but the one that is excepted. */
  async answered(socket: Socket, except?: Exchange): Promise<void> {
    for (;;) {
      const other = this.on(socket).find((exchange) => exchange !== except);
      if (!other) return;
      await new Promise((closed) => other.response.once('close', closed));
    }
  }

  /** Every connection ends with the answer that is under way on it, the others now, or as soon as may be. */
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
