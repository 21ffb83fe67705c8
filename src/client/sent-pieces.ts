/** A request's body that is made while it is sent. */
import { sleep } from './sleep.ts';

export type Pieces = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

export class SentPieces {
  /** True when something was read from the source. */
  isTaken = false;
  /** Set when the source threw. */
  failure: { reason: unknown } | undefined;
  readonly #pieces: Iterator<string | Uint8Array> | AsyncIterator<string | Uint8Array>;
  #isEnded = false;

  constructor(pieces: Pieces) {
    this.#pieces =
      Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /**
   * What fetch sends. Browsers stream a body over HTTP/2 only, or not at all: there the pieces are collected first.
   * Everywhere else fetch does it.
   */
  async content(): Promise<ReadableStream<Uint8Array> | Blob> {
    const isBrowser = 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
    return isBrowser && !('Deno' in globalThis) ? this.#blob() : this.#stream();
  }

  /** Called when the server has answered, maybe before the last piece: fetch would go on reading. */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // A source that fails to end has nothing to do with the answer.
    void (async () => this.#pieces.return?.())().catch(() => {});
  }

  #stream(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        // A fast source would let nothing else run, not even the arrival of the answer.
        await sleep(0);
        const piece = await this.#next();
        if (piece === undefined) controller.close();
        else controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece);
      },
      cancel: () => this.stop(),
    });
  }

  async #blob(): Promise<Blob> {
    const pieces: (string | Uint8Array<ArrayBuffer>)[] = [];
    for (;;) {
      const piece = await this.#next();
      if (piece === undefined) return new Blob(pieces);
      pieces.push(piece as string | Uint8Array<ArrayBuffer>);
    }
  }

  /** Undefined at the end. */
  async #next(): Promise<string | Uint8Array | undefined> {
    if (this.#isEnded) return undefined;
    try {
      for (;;) {
        const { done, value } = await this.#pieces.next();
        if (done) {
          this.#isEnded = true;
          return undefined;
        }
        this.isTaken = true;
        // fetch takes no empty piece.
        if (value.length > 0) return value;
      }
    } catch (reason) {
      this.#isEnded = true;
      this.failure = { reason };
      throw reason;
    }
  }
}
