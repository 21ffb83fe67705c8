/** What a lane knows of the message in hand: outcomes not yet settled, jobs that run, why it must halt. */
import { toAsyncId } from '../domain/batch.ts';
import { cancellation, type Outcome, type RecordableOutcome, type RetryOutcome } from '../domain/outcome.ts';
import type { Log } from '../plugin/context.ts';
import { type ChunkMessage, isQuarantine } from '../queue/messages.ts';
import type { Claim } from '../queue/queue.ts';
import { isCancelRequested } from '../store/batches.ts';
import { clearProgress, type JobProgress, reportProgress } from '../store/job-progress.ts';
import { logEnd } from './complete.ts';
import { decodeLastRuns, encodeLastRuns } from './last-runs.ts';
import { type NextMessage, type SettleDeps, type SettleResult, settleClaim } from './settle.ts';

/** Results are visible to callers at least this often while a chunk runs. */
const SETTLE_INTERVAL_MS = 250;
/** Unsettled responses are held up to this size. */
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024;
/** Jobs that start later than this after the last look at the batch's cancel mark wait for another look. */
const CANCEL_LOOK_MS = 20;
/** A running job's row is written again at most this often. */
const PROGRESS_INTERVAL_MS = 1000;

/** A smaller total is none: its fractions would leave the range of numbers. */
const MIN_PROGRESS_TOTAL = 1e-6;

/** Why no further job of the message is started. */
export type Halt = 'cancelled' | 'stopping' | 'yielding' | 'lost';

interface Running {
  progress: JobProgress;
  changed: boolean;
  writtenAt: number;
}

export class Recorder {
  readonly #deps: SettleDeps & { log: Log };
  readonly #queueName: string;
  readonly #claim: Claim<ChunkMessage>;
  readonly #clock: number;
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Map<number, Running>();
  readonly #written = new Set<number>();
  #outcomes: RecordableOutcome[] = [];
  #retries: RetryOutcome[] = [];
  #bytes = 0;
  #halt: Halt | null = null;
  readonly #halting = Promise.withResolvers<void>();
  #lookedAt = performance.now();
  #looking: Promise<void> | null = null;
  #settling: Promise<void> = Promise.resolve();
  #fault: Error | undefined;

  /** @param clock what to add to this process's clock to get the database's, in ms */
  constructor(deps: SettleDeps & { log: Log }, queueName: string, claim: Claim<ChunkMessage>, clock: number) {
    this.#deps = deps;
    this.#queueName = queueName;
    this.#claim = claim;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#tick(), SETTLE_INTERVAL_MS);
  }

  /** Null while further jobs may be started. */
  get halted(): Halt | null {
    return this.#halt;
  }

  /** Resolves when no further job may be started. */
  get halting(): Promise<void> {
    return this.#halting.promise;
  }

  /** The first reason stays, except that a cancel outweighs a pause. */
  halt(reason: Halt): void {
    if (this.#halt === null || reason === 'lost' || (reason === 'cancelled' && this.#halt !== 'lost'))
      this.#halt = reason;
    this.#halting.resolve();
  }

  /**
   * Halts when a cancel was requested; for before a job is started. Most often there is nothing to wait for:
   * every settle tells it too.
   *
   * @param now by `performance.now()`
   */
  lookForCancel(now: number): void | Promise<void> {
    if (now - this.#lookedAt < CANCEL_LOOK_MS) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const askedAt = performance.now();
    try {
      if (await isCancelRequested(this.#deps.pool, this.#claim.message.batch)) this.halt('cancelled');
    } catch {
      // The database is away: the settle that must wait for it will tell.
    }
    this.#lookedAt = askedAt;
  }

  started(index: number): void {
    this.#running.set(index, { progress: { index, done: null, total: null }, changed: true, writtenAt: 0 });
  }

  progress(index: number, done: number, total: number): void {
    const running = this.#running.get(index);
    if (!running || !(done >= 0) || !(total >= MIN_PROGRESS_TOTAL) || !Number.isFinite(total)) return;
    running.progress = { index, done: Math.min(done, total), total };
    running.changed = true;
  }

  /** Settles what has come so far; for jobs after which the process may not be there any more. */
  flush(): Promise<void> {
    return this.#settle();
  }

  /** Takes the outcome of a job that ended; waits while too much is unsettled. */
  add(outcome: Outcome): void | Promise<void> {
    this.#running.delete(outcome.index);
    if (outcome.status === 'retry') {
      this.#retries.push(outcome);
      return;
    }
    this.#outcomes.push(outcome);
    this.#bytes += outcome.response.length;
    if (this.#bytes > MAX_UNSETTLED_BYTES) return this.#settle();
  }

  /** Transactional jobs have recorded their results by themselves, in one settle. */
  recorded(indexes: readonly number[], settled: SettleResult): void {
    for (const index of indexes) this.#running.delete(index);
    this.#take(settled);
  }

  /**
   * Settles all that is left and completes the message: jobs not started are cancelled if the batch is,
   * else go back as they are; failed runs that may be repeated go back with their delay.
   */
  async close(notStarted: readonly number[]): Promise<void> {
    this.dispose();
    await this.#settling;
    if (this.#outcomes.length > 0 && (this.#retries.length > 0 || notStarted.length > 0))
      await this.#settle();
    if (this.#fault) throw this.#fault;
    if (this.#halt !== 'lost' && (await this.#settleLast(notStarted)) === 'cancelled') {
      this.halt('cancelled');
      await this.#settleLast(notStarted);
    }
    await this.#clearProgress([...this.#written]);
  }

  async #settleLast(notStarted: readonly number[]): Promise<SettleResult['state']> {
    const cancelled = this.#halt === 'cancelled' ? this.#cancel(notStarted) : [];
    const result = await settleClaim(this.#deps, {
      queueName: this.#queueName,
      claim: this.#claim,
      outcomes: [...this.#outcomes, ...cancelled],
      next: this.#halt === 'cancelled' ? [] : this.#next(notStarted),
      retriedSince: this.#halt === 'cancelled' ? undefined : firstStart(this.#failedRuns()),
    });
    if (result.state !== 'cancelled') this.#take(result);
    return result.state;
  }

  #take(result: SettleResult): void {
    if (result.state === 'lost') this.halt('lost');
    else if (result.state === 'cancelled' || result.cancelRequested) this.halt('cancelled');
    if (result.state === 'recorded' && result.ended)
      logEnd(this.#deps.log, this.#claim.message.batch, result.ended);
  }

  /** Ends the ticking; for when the message cannot be closed. */
  dispose(): void {
    clearInterval(this.#timer);
  }

  #cancel(notStarted: readonly number[]): RecordableOutcome[] {
    const { attempt, lastRuns } = this.#claim.message;
    const runs = decodeLastRuns(lastRuns, this.#clock);
    const cancelled = (index: number) => ({ ...cancellation(index, attempt - 1), ...runs.get(index) });
    return [
      ...notStarted.map(cancelled),
      // Those that ran end as they ended: no other run comes to mend it.
      ...this.#retries.map(({ index, failed }) => failed ?? cancelled(index)),
    ];
  }

  /** Runs that are to be repeated and count as attempts. */
  #failedRuns(): RecordableOutcome[] {
    return this.#retries.flatMap(({ failed }) => failed ?? []);
  }

  #next(notStarted: readonly number[]): NextMessage[] {
    const { message } = this.#claim;
    const uncharged = this.#retries.filter(({ failed }) => failed === null).map(({ index }) => index);
    const back = [...notStarted, ...uncharged].sort((a, b) => a - b);
    const next: NextMessage[] = [];
    if (back.length > 0) {
      const delaySeconds = uncharged.length > 0 && this.#halt === null ? 1 : 0;
      const { interruptions = 0 } = message;
      const interrupted = delaySeconds > 0 ? { interruptions: interruptions + 1 } : {};
      // What may have killed a worker stays set apart until it has run.
      const quarantine = isQuarantine(this.#claim.queue);
      next.push({ message: { ...message, ...interrupted, indexes: back }, delaySeconds, quarantine });
    }
    for (const [delaySeconds, retries] of Map.groupBy(
      this.#retries.filter(({ failed }) => failed !== null),
      (retry) => retry.delaySeconds,
    )) {
      const { interruptions: _, ...again } = message;
      const indexes = retries.map(({ index }) => index).sort((a, b) => a - b);
      const lastRuns = encodeLastRuns(
        retries.flatMap(({ failed }) => failed ?? []),
        this.#clock,
      );
      next.push({ message: { ...again, attempt: message.attempt + 1, indexes, lastRuns }, delaySeconds });
    }
    return next;
  }

  #tick(): void {
    if (this.#outcomes.length > 0) void this.#settle();
    else void this.lookForCancel(performance.now());
    const now = Date.now();
    const due = [...this.#running.values()].filter(
      ({ changed, writtenAt }) =>
        now - writtenAt >= (changed ? PROGRESS_INTERVAL_MS : 10 * PROGRESS_INTERVAL_MS),
    );
    if (due.length === 0) return;
    for (const running of due) {
      running.changed = false;
      running.writtenAt = now;
      this.#written.add(running.progress.index);
    }
    // Progress is a courtesy: when it cannot be written, the next tick tries again.
    reportProgress(
      this.#deps.pool,
      this.#claim.message.batch,
      due.map(({ progress }) => progress),
    ).catch((error: unknown) => this.#warn(error, 'progress was not written'));
  }

  /** One settle after the other. */
  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleNow());
    return this.#settling;
  }

  async #settleNow(): Promise<void> {
    const outcomes = this.#outcomes;
    if (outcomes.length === 0 || this.#halt === 'lost' || this.#fault) return;
    this.#outcomes = [];
    this.#bytes = 0;
    try {
      const result = await settleClaim(this.#deps, {
        queueName: this.#queueName,
        claim: this.#claim,
        outcomes,
      });
      this.#take(result);
      this.#lookedAt = performance.now();
      const shown = outcomes.map(({ index }) => index).filter((index) => this.#written.delete(index));
      await this.#clearProgress(shown);
    } catch (error) {
      // Told when the message is closed; until then nothing further is started.
      this.#fault = error as Error;
      this.halt('lost');
    }
  }

  async #clearProgress(indexes: number[]): Promise<void> {
    if (indexes.length === 0) return;
    await clearProgress(this.#deps.pool, this.#claim.message.batch, indexes).catch((error: unknown) =>
      this.#warn(error, 'progress was not cleared'),
    );
  }

  #warn(error: unknown, what: string): void {
    this.#deps.log.warn({ err: error, asyncId: toAsyncId(this.#claim.message.batch) }, what);
  }
}

function firstStart(runs: readonly RecordableOutcome[]): number | undefined {
  const starts = runs.flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length > 0 ? starts.reduce((first, at) => Math.min(first, at)) : undefined;
}
