import type { Readable } from 'node:stream';

/** More than this is not read, and the connection is not used again. */
const MAX_READ_BYTES = 64 * 1024;

/** Reads the body of an answer as it arrives, keeps its beginning and discards the rest. */
export class Excerpt {
  readonly #maxBytes: number;
  readonly #enough = Promise.withResolvers<void>();
  #kept = Buffer.alloc(0);
  #read = 0;

  /** @param maxBytes how much is kept */
  constructor(stream: Readable, maxBytes: number) {
    this.#maxBytes = maxBytes;
    if (stream.destroyed) this.#enough.resolve();
    for (const event of ['end', 'close', 'error']) stream.once(event, () => this.#enough.resolve());
    stream.on('data', (chunk: Buffer) => {
      this.#read += chunk.length;
      if (this.#kept.length < maxBytes) this.#kept = Buffer.concat([this.#kept, chunk]);
      if (this.#read >= MAX_READ_BYTES) this.#enough.resolve();
    });
  }

  /** Waits for the end, limited by this time and by MAX_READ_BYTES. */
  async complete(ms: number): Promise<void> {
    const timer = setTimeout(this.#enough.resolve, ms);
    await this.#enough.promise;
    clearTimeout(timer);
  }

  /** Without a half character at its end. */
  text(): string {
    return new TextDecoder().decode(this.#kept.subarray(0, this.#maxBytes), { stream: true });
  }
}
