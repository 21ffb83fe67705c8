/**
 * A lane's state of the message in hand: outcomes not yet settled, further messages, and why it must halt.
 */
import { toAsyncId } from '../../domain/batch.ts';
import type { Outcome, RecordableOutcome, RetryOutcome } from '../../domain/outcome.ts';
import type { Log } from '../../plugin/context.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { isCancelRequested } from '../../store/batches.ts';
import { reportEnd } from '../settle/batch-end.ts';
import { type SettleDeps, type Settlement, type SettleResult, settleClaim } from '../settle/settle.ts';
import type { SmallChunks } from '../settle/small-chunks.ts';
import { Halt, type HaltReason } from './halt.ts';
import { cancellations, nextMessages, restMessages, retriedSince } from './next-messages.ts';
import type { Rest } from './open-jobs.ts';
import { ProgressReports } from './progress-reports.ts';

/** Results are visible to callers at least this often while a chunk runs. */
const SETTLE_INTERVAL_MS = 250;
/** Unsettled responses are held up to this size. */
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024;
/**
 * A job that starts later than this after the last check of the batch's cancel mark waits for another check.
 */
const CANCEL_LOOK_MS = 20;

export interface RecorderDeps extends SettleDeps {
  smallChunks: SmallChunks;
  log: Log;
}

export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #queueName: string;
  readonly #claim: Claim<ChunkMessage>;
  readonly #clock: number;
  readonly #timer: NodeJS.Timeout;
  readonly #halt = new Halt();
  readonly #reports: ProgressReports;
  #outcomes: RecordableOutcome[] = [];
  #retries: RetryOutcome[] = [];
  /** Jobs that were about to be handed back when the batch was cancelled. */
  readonly #left: Rest[] = [];
  #handedBack: { rest: Rest[]; kept: readonly number[] } | null = null;
  #bytes = 0;
  #lookedAt = performance.now();
  #looking: Promise<void> | null = null;
  #settling: Promise<void> = Promise.resolve();
  #fault: Error | undefined;

  /** @param clock what to add to this process's clock to get the database's, in ms */
  constructor(deps: RecorderDeps, queueName: string, claim: Claim<ChunkMessage>, clock: number) {
    this.#deps = deps;
    this.#queueName = queueName;
    this.#claim = claim;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#tick(), SETTLE_INTERVAL_MS);
    const { batch } = claim.message;
    this.#reports = new ProgressReports(deps.pool, batch, (error, what) =>
      deps.log.warn({ err: error, asyncId: toAsyncId(batch) }, what),
    );
  }

  /** Null while further jobs may be started. */
  get halted(): HaltReason | null {
    return this.#halt.reason;
  }

  /** Resolves when no further job may be started. */
  get halting(): Promise<void> {
    return this.#halt.begun;
  }

  halt(reason: HaltReason): void {
    this.#halt.begin(reason);
  }

  /**
   * Halts when a cancel was requested. Called before a job is started. Usually it returns at once, because
   * every settle also reads the mark.
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
      // The database is away: the next settle waits for it and reads the mark.
    }
    this.#lookedAt = askedAt;
  }

  started(index: number): void {
    this.#reports.started(index);
  }

  progress(index: number, done: number, total: number): void {
    this.#reports.progress(index, done, total);
  }

  /** Settles the outcomes so far, before jobs that may end this process. */
  flush(): Promise<void> {
    return this.#settle();
  }

  /**
   * Returns jobs to the queue at once that are not to be started here, while others of the message run.
   *
   * @param kept indexes of the jobs that stay with the message
   */
  handBack(rest: readonly Rest[], kept: readonly number[]): void {
    this.#handedBack = { rest: [...(this.#handedBack?.rest ?? []), ...rest], kept };
    void this.#settle();
  }

  /** Takes the outcome of a job; waits while too much is unsettled. */
  add(outcome: Outcome): void | Promise<void> {
    this.#reports.ended(outcome.index);
    if (outcome.status === 'retry') {
      this.#retries.push(outcome);
      return;
    }
    this.#outcomes.push(outcome);
    this.#bytes += outcome.response.length;
    if (this.#bytes > MAX_UNSETTLED_BYTES) return this.#settle();
  }

  /** Notes results that transactional jobs have recorded themselves, in one settle. */
  recorded(indexes: readonly number[], settled: SettleResult): void {
    for (const index of indexes) this.#reports.ended(index);
    this.#take(settled);
  }

  /**
   * Settles the rest and completes the message. Jobs not started are cancelled if the batch is, otherwise
   * they return to the queue unchanged. Failed runs that may be repeated return with their delay.
   */
  async close(notStarted: readonly Rest[]): Promise<void> {
    this.dispose();
    await this.#settling;
    if (this.#outcomes.length > 0 && (this.#retries.length > 0 || notStarted.length > 0))
      await this.#settle();
    if (this.#fault) throw this.#fault;
    if (this.halted !== 'lost' && (await this.#settleLast(notStarted)) === 'cancelled') {
      this.halt('cancelled');
      await this.#settleLast(notStarted);
    }
    await this.#reports.clear();
  }

  async #settleLast(notStarted: readonly Rest[]): Promise<SettleResult['state']> {
    const result = await this.#send({ isLast: true, ...this.#end(notStarted) });
    if (result.state !== 'cancelled') this.#take(result);
    return result.state;
  }

  #end(notStarted: readonly Rest[]): Pick<Settlement, 'outcomes' | 'next' | 'retriedSince'> {
    const retries = this.#retries;
    const clock = this.#clock;
    if (this.halted === 'cancelled') {
      const open = [...notStarted, ...this.#left];
      const cancelled = cancellations(this.#claim.message, open, retries, clock);
      return { outcomes: [...this.#outcomes, ...cancelled] };
    }
    const isHalted = this.halted !== null;
    return {
      outcomes: this.#outcomes,
      next: nextMessages(this.#claim, notStarted, retries, { isHalted, clock }),
      retriedSince: retriedSince(retries),
    };
  }

  async #send(part: Omit<Settlement, 'queueName' | 'claim'>): Promise<SettleResult> {
    const settlement = { queueName: this.#queueName, claim: this.#claim, ...part };
    return (await this.#deps.smallChunks.settle(settlement)) ?? settleClaim(this.#deps, settlement);
  }

  #take(result: SettleResult): void {
    if (result.state === 'lost') this.halt('lost');
    else if (result.state === 'cancelled' || result.cancelRequested) this.halt('cancelled');
    if (result.state === 'recorded' && result.ended)
      reportEnd(this.#deps.log, this.#claim.message.batch, result.ended);
  }

  /** Stops the timer, when the message cannot be closed. */
  dispose(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#outcomes.length > 0) void this.#settle();
    else void this.lookForCancel(performance.now());
    this.#reports.write();
  }

  /** Settles one after the other. */
  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleNow());
    return this.#settling;
  }

  async #settleNow(): Promise<void> {
    const outcomes = this.#outcomes;
    const handedBack = this.#handedBack;
    if ((outcomes.length === 0 && !handedBack) || this.halted === 'lost' || this.#fault) return;
    this.#outcomes = [];
    this.#handedBack = null;
    this.#bytes = 0;
    try {
      const handingBack = handedBack && {
        next: restMessages(this.#claim.message, handedBack.rest),
        narrowTo: handedBack.kept,
      };
      const result = await this.#send({ outcomes, isLast: false, ...handingBack });
      this.#take(result);
      // Nothing was recorded or sent: these jobs are cancelled at the end.
      if (result.state === 'cancelled') {
        this.#outcomes = [...outcomes, ...this.#outcomes];
        this.#left.push(...(handedBack?.rest ?? []));
        return;
      }
      this.#lookedAt = performance.now();
      await this.#reports.clear(outcomes.map(({ index }) => index));
    } catch (error) {
      // Thrown when the message is closed; until then no further job is started.
      this.#fault = error as Error;
      this.halt('lost');
    }
  }
}
