import type { Pool } from 'pg';
import { clearProgress, type JobProgress, reportProgress } from '../../store/job-progress.ts';

/** A running job's row is updated at most this often. */
const INTERVAL_MS = 1000;
/** An unchanged row is written again after this time: otherwise its worker would count as dead. */
const UNCHANGED_INTERVAL_MS = 10 * INTERVAL_MS;

/** A smaller total counts as absent: its fractions would leave the range of numbers. */
const MIN_TOTAL = 1e-6;

interface Running {
  progress: JobProgress;
  changed: boolean;
  writtenAt: number;
}

/**
 * The running jobs of one message, as callers see them. Progress is optional: no job fails when it cannot be
 * written.
 */
export class ProgressReports {
  readonly #pool: Pool;
  readonly #batchId: string;
  readonly #onError: (error: unknown, what: string) => void;
  readonly #running = new Map<number, Running>();
  readonly #written = new Set<number>();
  /** The latest write. Deletes wait for it, so that no write comes after them. */
  #writing: Promise<void> = Promise.resolve();

  constructor(pool: Pool, batchId: string, onError: (error: unknown, what: string) => void) {
    this.#pool = pool;
    this.#batchId = batchId;
    this.#onError = onError;
  }

  started(index: number): void {
    this.#running.set(index, { progress: { index, done: null, total: null }, changed: true, writtenAt: 0 });
  }

  progress(index: number, done: number, total: number): void {
    const running = this.#running.get(index);
    if (!running || !(done >= 0) || !(total >= MIN_TOTAL) || !Number.isFinite(total)) return;
    running.progress = { index, done: Math.min(done, total), total };
    running.changed = true;
  }

  ended(index: number): void {
    this.#running.delete(index);
  }

  /** Writes what is due. */
  write(): void {
    const now = Date.now();
    const due = [...this.#running.values()].filter(
      ({ changed, writtenAt }) => now - writtenAt >= (changed ? INTERVAL_MS : UNCHANGED_INTERVAL_MS),
    );
    if (due.length === 0) return;
    for (const running of due) {
      running.changed = false;
      running.writtenAt = now;
      this.#written.add(running.progress.index);
    }
    const jobs = due.map(({ progress }) => progress);
    const write = () => reportProgress(this.#pool, this.#batchId, jobs);
    this.#writing = this.#writing
      .then(write)
      .catch((error: unknown) => this.#onError(error, 'progress was not written'));
  }

  /** Deletes the written progress of these jobs, or of all. */
  async clear(indexes: Iterable<number> = [...this.#written]): Promise<void> {
    const shown = [...indexes].filter((index) => this.#written.delete(index));
    if (shown.length === 0) return;
    await this.#writing;
    await clearProgress(this.#pool, this.#batchId, shown).catch((error: unknown) =>
      this.#onError(error, 'progress was not cleared'),
    );
  }
}
