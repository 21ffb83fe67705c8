/** The memory that bodies take while they are read: bounded, and shared out among the tenants. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { callerOf } from '../auth/callers.ts';

/** A body that takes no more is not counted: there are many of them, and they come and go. */
const FREE_BYTES = 64 * 1024;
/** A tenant may have half of it all, so that there is something left for the others. */
const TENANT_SHARE = 1 / 2;

/** What all bodies together take. */
export class BodyMemory {
  readonly #maxBytes: number;
  #bytes = 0;
  readonly #byTenant = new Map<string, number>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(tenant: string, bytes: number): void {
    this.#bytes += bytes;
    const held = (this.#byTenant.get(tenant) ?? 0) + bytes;
    if (held > 0) this.#byTenant.set(tenant, held);
    else this.#byTenant.delete(tenant);
  }

  hasRoomFor(tenant: string): boolean {
    return (
      this.#bytes <= this.#maxBytes && (this.#byTenant.get(tenant) ?? 0) <= this.#maxBytes * TENANT_SHARE
    );
  }
}

/** What one body takes. */
export class HeldBody {
  readonly #memory: BodyMemory;
  readonly #tenant: string;
  readonly #response: ServerResponse;
  #read = 0;
  #released = 0;
  /** What of it is counted. */
  #counted = 0;
  #isWatched = false;
  #isOver = false;

  constructor(memory: BodyMemory, tenant: string, response: ServerResponse) {
    this.#memory = memory;
    this.#tenant = tenant;
    this.#response = response;
  }

  /** Bytes read so far, after decompression. */
  read(): number {
    return this.#read;
  }

  /** So many bytes have been read and are held. Throws `unavailable` when there is no room for them. */
  add(bytes: number): void {
    this.#read += bytes;
    this.#count();
    if (this.#counted === 0) return;
    if (!this.#isWatched) this.#response.once('close', () => this.#end());
    this.#isWatched = true;
    if (!this.#memory.hasRoomFor(this.#tenant))
      throw new BatchwrightError('unavailable', {
        message: 'Too much is being received at the moment',
        retryAfter: 5,
      });
  }

  /** The body's first so many bytes are held no more. */
  release(upTo = this.#read): void {
    this.#released = Math.max(this.#released, upTo);
    this.#count();
  }

  #end(): void {
    this.#isOver = true;
    this.#count();
  }

  #count(): void {
    const held = this.#isOver ? 0 : this.#read - this.#released;
    const counted = held > FREE_BYTES ? held : 0;
    if (counted !== this.#counted) this.#memory.add(this.#tenant, counted - this.#counted);
    this.#counted = counted;
  }
}

const bodies = new WeakMap<IncomingMessage, HeldBody>();

/** From now on what the request's body takes is counted for its caller, until the answer has ended. */
export function countBodies(memory: BodyMemory): RequestHandler {
  return (request: Request, response, next) => {
    bodies.set(request, new HeldBody(memory, callerOf(request).tenant, response));
    next();
  };
}

/** Undefined where nothing is counted. */
export function heldBodyOf(request: IncomingMessage): HeldBody | undefined {
  return bodies.get(request);
}
