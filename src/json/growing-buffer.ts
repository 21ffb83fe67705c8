const SMALLEST = 1024;

/**
 * Collects bytes that arrive in pieces in one buffer that doubles. Every byte is copied at most three times
 * even if the pieces are small, and a million pieces of one byte cost a megabyte, not a million objects.
 */
export class GrowingBuffer {
  #bytes: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends the bytes of `piece` from `start` up to `end`. */
  append(piece: Buffer, start: number, end: number): void {
    const bytes = this.#reserve(this.#length + end - start);
    this.#length += piece.copy(bytes, this.#length, start, end);
  }

  /** Returns the collected bytes; the next piece starts a new buffer. */
  take(): Buffer {
    const gathered = (this.#bytes ?? Buffer.alloc(0)).subarray(0, this.#length);
    this.#bytes = undefined;
    this.#length = 0;
    return gathered;
  }

  #reserve(needed: number): Buffer {
    const old = this.#bytes;
    if (old !== undefined && old.length >= needed) return old;
    const grown = Buffer.allocUnsafe(Math.max(SMALLEST, needed, 2 * (old?.length ?? 0)));
    old?.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    return grown;
  }
}
