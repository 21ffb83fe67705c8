import type { BatchMarks } from '../../store/batches.ts';

/** A job that starts later than this after the last check of the batch's marks waits for another check. */
const LOOK_MS = 20;

/** Knows when the batch's marks were read last, and reads them when that was too long ago. */
export class MarkWatch {
  readonly #readMarks: () => Promise<BatchMarks>;
  readonly #onMarks: (marks: BatchMarks) => void;
  #lookedAt = performance.now();
  #looking: Promise<void> | null = null;

  constructor(read: () => Promise<BatchMarks>, onMarks: (marks: BatchMarks) => void) {
    this.#readMarks = read;
    this.#onMarks = onMarks;
  }

  /** The marks were read, for example by a settle. */
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
      this.#onMarks(await this.#readMarks());
    } catch {
      // The database is away: the next settle waits for it and reads the marks.
    }
    this.#lookedAt = askedAt;
  }
}
