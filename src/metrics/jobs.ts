/** Counts the runs of jobs that one event reports. */
import type { EndedJob, RepeatedRun } from '../telemetry/events.ts';
import type { Counter, Histogram } from './figures.ts';

export interface JobFigures {
  finished: Counter<'action' | 'status'>;
  attempts: Counter<'action' | 'outcome'>;
  runSeconds: Histogram<'action'>;
  waitSeconds: Histogram<'action'>;
}

export interface JobsEnded {
  actionOf(index: number): string | undefined;
  results: readonly EndedJob[];
  repeated: readonly RepeatedRun[];
  waitingSince: number | null;
}

/** The label of jobs whose action no longer exists. */
const NO_ACTION = '';

export function countJobs(
  figures: JobFigures,
  { actionOf, results, repeated, waitingSince }: JobsEnded,
): void {
  const tallies = new Map<string, Tally>();
  const tallyOf = (index: number): Tally => {
    const action = actionOf(index) ?? NO_ACTION;
    let tally = tallies.get(action);
    if (!tally) {
      tally = new Tally(figures, action, waitingSince);
      tallies.set(action, tally);
    }
    return tally;
  };
  for (const result of results) tallyOf(result.index).addResult(result);
  for (const run of repeated) tallyOf(run.index).addRepeated(run);
  for (const tally of tallies.values()) tally.end();
}

/** Sums first: looking up a label for each job would cost more than the rest. */
class Tally {
  readonly #figures: JobFigures;
  readonly #action: string;
  readonly #since: number | null;
  readonly #run: (seconds: number) => void;
  readonly #wait: (seconds: number) => void;
  readonly #finished = { succeeded: 0, failed: 0, cancelled: 0, skipped: 0 };
  readonly #attempts = { succeeded: 0, failed: 0, retried: 0, throttled: 0, interrupted: 0 };

  constructor(figures: JobFigures, action: string, since: number | null) {
    this.#figures = figures;
    this.#action = action;
    this.#since = since;
    this.#run = figures.runSeconds.of({ action });
    this.#wait = figures.waitSeconds.of({ action });
  }

  addResult(job: EndedJob): void {
    this.#finished[job.status]++;
    if (job.status === 'cancelled' || job.status === 'skipped' || job.attempts === 0) return;
    this.#attempts[job.status]++;
    this.#time(job);
  }

  addRepeated({ failed, throttledSince }: RepeatedRun): void {
    this.#attempts[failed ? 'retried' : throttledSince === undefined ? 'interrupted' : 'throttled']++;
    if (failed) this.#time(failed);
  }

  end(): void {
    const { finished, attempts } = this.#figures;
    const action = this.#action;
    for (const [status, count] of Object.entries(this.#finished))
      if (count > 0) finished.add(count, { action, status });
    for (const [outcome, count] of Object.entries(this.#attempts))
      if (count > 0) attempts.add(count, { action, outcome });
  }

  /** A run that ended its process has no times. */
  #time({ startedAt, finishedAt, attempts }: EndedJob): void {
    if (startedAt === null) return;
    this.#run(Math.max(0, finishedAt - startedAt) / 1000);
    if (attempts === 1 && this.#since !== null) this.#wait(Math.max(0, startedAt - this.#since) / 1000);
  }
}
