import { MARKS_HOLD_MS } from '../../domain/batch.ts';
import type { BatchMarks } from '../../store/batches.ts';

/** Knows when the batch's marks were read last, and reads them when that was too long ago. */
export class MarkWatch {
  readonly #readMarks: () => Promise<BatchMarks>;
  readonly #onMarks: (marks: BatchMarks) => void;
  #lookedAt: number;
  #looking: Promise<void> | null = null;

  /** @param lookedAt when the marks were asked for last, by `performance.now()` */
  constructor(read: () => Promise<BatchMarks>, onMarks: (marks: BatchMarks) => void, lookedAt: number) {
    this.#readMarks = read;
    this.#onMarks = onMarks;
    this.#lookedAt = lookedAt;
  }

  /** @param askedAt when the marks were asked for, for example by a settle; by `performance.now()` */
  looked(askedAt: number): void {
    this.#lookedAt = Math.max(this.#lookedAt, askedAt);
  }

  /**
   * Called before a job is started. Usually it returns at once.
   *
   * @param now by `performance.now()`
   */
  look(now: number): void | Promise<void> {
    if (now - this.#lookedAt < MARKS_HOLD_MS) return;
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
    this.looked(askedAt);
  }
}
