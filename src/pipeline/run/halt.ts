/** Why no further job of a message is started. */
export type HaltReason = 'cancelled' | 'held' | 'stopping' | 'lost';

/** The halt of one message in hand. */
export class Halt {
  #reason: HaltReason | null = null;
  readonly #begun = Promise.withResolvers<void>();

  /** Null while further jobs may be started. */
  get reason(): HaltReason | null {
    return this.#reason;
  }

  /** Resolves when no further job may be started. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /**
   * The first reason stays, with two exceptions: a cancel replaces a pause and the stop of the process, and a lost
   * message replaces all.
   */
  begin(reason: HaltReason): void {
    if (this.#reason === null || reason === 'lost' || (reason === 'cancelled' && this.#reason !== 'lost'))
      this.#reason = reason;
    this.#begun.resolve();
  }
}
