/**
 * Disconnects clients that send or read almost nothing, so that they do not hold memory or connections for
 * long.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Connections, Exchange } from './connections.ts';
import { refuse } from './send-error.ts';

export interface ClientPatience {
  /** How long a client may send nothing of a body that is being read. */
  sendMs: number;
  /**
   * How long it may read nothing of an answer. The system buffers some MB and reports its reading in steps
   * of, on the loopback interface, 1.4 MB: a client that reads 24 KB/s shows progress once in 60 s.
   */
  readMs: number;
  /** How often clients are checked. */
  everyMs: number;
}

export const CLIENT_PATIENCE: ClientPatience = { sendMs: 30_000, readMs: 60_000, everyMs: 1_000 };

/**
 * Each byte restores this part of a second: a client that is slower for long counts as stalled. Apache's
 * mod_reqtimeout uses the same rate (`MinRate=500`).
 */
const BYTES_PER_SECOND = 500;

/**
 * Emitted by a request whose body arrives too slowly. A reader of the body throws and so answers 408; without
 * a listener the request is answered here.
 */
export const TOO_SLOW = Symbol('the client sends too slowly');

/** Remaining time, which decreases while nothing arrives and increases with each byte. */
class Patience {
  readonly #mostMs: number;
  #leftMs: number;
  #bytes: number;

  constructor(mostMs: number, bytes: number) {
    this.#mostMs = mostMs;
    this.#leftMs = mostMs;
    this.#bytes = bytes;
  }

  /**
   * @param bytes all bytes so far; @param passedMs time since the last check
   * @returns false when no time is left
   */
  lasts(bytes: number, passedMs: number): boolean {
    const givenBackMs = ((bytes - this.#bytes) * 1000) / BYTES_PER_SECOND;
    this.#bytes = bytes;
    this.#leftMs = Math.min(this.#mostMs, this.#leftMs - passedMs + givenBackMs);
    return this.#leftMs > 0;
  }
}

/** Checks all connections regularly, as long as the process lives. */
export function letGoOfSlowClients(connections: Connections, limits: ClientPatience): { stop(): void } {
  const senders = new WeakMap<IncomingMessage, Patience>();
  const readers = new WeakMap<Socket, Patience>();
  let lookedAt = performance.now();

  function look(): void {
    const now = performance.now();
    // While this process was stopped, it did not read either.
    const passedMs = Math.min(now - lookedAt, 2 * limits.everyMs);
    lookedAt = now;
    for (const [socket, exchanges] of connections.busy()) {
      const last = exchanges.at(-1);
      if (last && !last.request.complete) lookAtSender(last, socket, passedMs);
      lookAtReader(socket, passedMs);
    }
  }

  function lookAtSender(exchange: Exchange, socket: Socket, passedMs: number): void {
    const { request } = exchange;
    const patience = senders.get(request) ?? new Patience(limits.sendMs, socket.bytesRead);
    senders.set(request, patience);
    if (patience.lasts(socket.bytesRead, isWaitedFor(request) ? passedMs : 0)) return;
    senders.set(request, new Patience(Number.POSITIVE_INFINITY, 0));
    if (!request.emit(TOO_SLOW)) letGoOf(exchange);
  }

  function lookAtReader(socket: Socket, passedMs: number): void {
    if (socket.writableLength === 0) {
      readers.delete(socket);
      return;
    }
    const taken = takenFrom(socket);
    const patience = readers.get(socket) ?? new Patience(limits.readMs, taken);
    readers.set(socket, patience);
    if (!patience.lasts(taken, passedMs)) socket.destroy();
  }

  const timer = setInterval(look, limits.everyMs).unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * False while bytes that have arrived are not read, for example because the database is slow: then we delay
 * the client.
 */
function isWaitedFor(request: IncomingMessage): boolean {
  if (request.readableLength > 0) return false;
  return request.readableFlowing === true || request.listenerCount('readable') > 0;
}

function letGoOf({ request, response }: Exchange): void {
  if (response.headersSent) request.socket.destroySoon();
  else refuse(request, response, new BatchwrightError('requestTimeout'));
}

/** The bytes that the system has accepted; more precise than counting writes, which may be large. */
function takenFrom(socket: Socket): number {
  const { _handle: handle } = socket as unknown as {
    _handle?: { bytesWritten: number; writeQueueSize: number } | null;
  };
  return handle ? handle.bytesWritten - handle.writeQueueSize : socket.bytesWritten - socket.writableLength;
}
