/** Reports the jobs in hand that wait for a limit, so that callers see them: the API cannot look into a worker. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { LimitedLog } from '../../domain/limited-log.ts';
import { reportWaiting, type WaitingJobs } from '../../store/bucket-waiting.ts';

export type { WaitingJobs };

const INTERVAL_MS = 1000;
/** After jobs came from the queue or returned to it: until then they are counted twice, or not at all. */
const SOON_MS = 50;
/** Batches and buckets in one report; those with the most jobs. */
const MAX_REPORTED = 1000;

export interface WaitingReportsDeps {
  pool: Pool;
  failures: LimitedLog;
}

export class WaitingReports {
  readonly #deps: WaitingReportsDeps;
  readonly #waiting: () => readonly WaitingJobs[];
  readonly #holder = randomUUID();
  readonly #timer: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #hasReported = false;
  #reporting: Promise<void> = Promise.resolve();

  /** @param waiting what waits now; each batch and bucket once */
  constructor(deps: WaitingReportsDeps, waiting: () => readonly WaitingJobs[]) {
    this.#deps = deps;
    this.#waiting = waiting;
    this.#timer = setInterval(() => this.#reportNow(), INTERVAL_MS);
  }

  /** What waits is about to change. */
  soon(): void {
    this.#soon ??= setTimeout(() => this.#reportNow(), SOON_MS);
  }

  /** Call it when nothing waits any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await this.#reporting;
    await this.#report([]);
  }

  #reportNow(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    this.#reporting = this.#reporting.then(() => this.#report(this.#waiting()));
  }

  /** Never rejects: the next report replaces this one, and an old one ends by itself. */
  async #report(waiting: readonly WaitingJobs[]): Promise<void> {
    if (waiting.length === 0 && !this.#hasReported) return;
    const most = waiting.toSorted((a, b) => b.jobs - a.jobs).slice(0, MAX_REPORTED);
    try {
      await reportWaiting(this.#deps.pool, this.#holder, most);
      this.#hasReported = most.length > 0;
    } catch (error) {
      const fields = () => ({ err: error });
      const message = 'jobs that wait for limits were not reported';
      this.#deps.failures.note({ level: 'warn', kind: 'waiting', fields, message });
    }
  }
}
