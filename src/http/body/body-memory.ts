/** Memory for bodies that are being read: bounded, and shared between the tenants. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { callerOf } from '../auth/callers.ts';

/** Bodies up to this size are not counted: there are many, and they are short-lived. */
const FREE_BYTES = 64 * 1024;
/** A tenant may use half of the memory, so that some is left for the others. */
const TENANT_SHARE = 1 / 2;

/** The memory of all bodies together. */
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

/** The memory of one body. */
export class HeldBody {
  /** True when the bytes are counted as they arrive, whoever reads them. */
  isCountedOnArrival = false;
  readonly #memory: BodyMemory;
  readonly #tenant: string;
  readonly #response: ServerResponse;
  #read = 0;
  #released = 0;
  /** The bytes that are counted. */
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

  /** Adds bytes that were read and are held. Throws `unavailable` when there is no room for them. */
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

  /** Releases the body's bytes up to this position. */
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

/** Counts the memory of the request's body for its caller, until the answer has ended. */
export function countBodies(memory: BodyMemory): RequestHandler {
  return (request: Request, response, next) => {
    bodies.set(request, new HeldBody(memory, callerOf(request).tenant, response));
    next();
  };
}

/** Undefined when the request's body is not counted. */
export function heldBodyOf(request: IncomingMessage): HeldBody | undefined {
  return bodies.get(request);
}

/** The body's memory, for `submit` to release. */
export function bodyOf(request: IncomingMessage): { body?: HeldBody } {
  const body = heldBodyOf(request);
  return body ? { body } : {};
}
