/**
 * A job that starts later than this after the last check of the batch's cancel mark waits for another check.
 */
const LOOK_MS = 20;

/** Knows when the batch's cancel mark was read last, and reads it when that was too long ago. */
export class CancelWatch {
  readonly #isCancelRequested: () => Promise<boolean>;
  readonly #onCancel: () => void;
  #lookedAt = performance.now();
  #looking: Promise<void> | null = null;

  constructor(isCancelRequested: () => Promise<boolean>, onCancel: () => void) {
    this.#isCancelRequested = isCancelRequested;
    this.#onCancel = onCancel;
  }

  /** The mark was read, for example by a settle. */
  looked(): void {
    this.#lookedAt = performance.now();
  }

  /**
   * Called before a job is started. Usually it returns at once.
   *
   * @param now by `performance.now()`
   */
  look(now: number): void | Promise<void> {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const askedAt = performance.now();
    try {
      if (await this.#isCancelRequested()) this.#onCancel();
    } catch {
      // The database is away: the next settle waits for it and reads the mark.
    }
    this.#lookedAt = askedAt;
  }
}
