/** Settles the outcomes of a message in hand from time to time, and halts it when no job may start any more. */
import { toAsyncId } from '../../domain/batch.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Log } from '../../plugin/context.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { isCancelRequested } from '../../store/batches.ts';
import { reportEnd } from '../settle/batch-end.ts';
import { type SettleDeps, type Settlement, type SettleResult, settleClaim } from '../settle/settle.ts';
import type { SmallChunks } from '../settle/small-chunks.ts';
import { CancelWatch } from './cancel-watch.ts';
import { Halt, type HaltReason } from './halt.ts';
import { cancellations, nextMessages, restMessages, retriedSince } from './next-messages.ts';
import type { Rest } from './open-jobs.ts';
import { ProgressReports } from './progress-reports.ts';
import { Unsettled } from './unsettled.ts';

/** Results are visible to callers at least this often while a chunk runs. */
const SETTLE_INTERVAL_MS = 250;
/** Unsettled responses are held up to this size. */
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024;

export interface RecorderDeps extends SettleDeps {
  smallChunks: SmallChunks;
  log: Log;
}

/** The message in hand. */
export interface InHand {
  queueName: string;
  claim: Claim<ChunkMessage>;
  /** The jobs of the message that had no result when it was claimed. */
  indexes: readonly number[];
  /** What to add to this process's clock to get the database's, in ms. */
  clock: number;
}

export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #inHand: InHand;
  readonly #halt = new Halt();
  readonly #reports: ProgressReports;
  readonly #cancelWatch: CancelWatch;
  readonly #unsettled = new Unsettled();
  readonly #gone = new Set<number>();
  readonly #timer: NodeJS.Timeout;
  #settling: Promise<void> = Promise.resolve();
  #fault: Error | undefined;

  constructor(deps: RecorderDeps, inHand: InHand) {
    this.#deps = deps;
    this.#inHand = inHand;
    const { batch } = inHand.claim.message;
    this.#reports = new ProgressReports(deps.pool, batch, (error, what) =>
      deps.log.warn({ err: error, asyncId: toAsyncId(batch) }, what),
    );
    this.#cancelWatch = new CancelWatch(
      () => isCancelRequested(deps.pool, batch),
      () => this.halt('cancelled'),
    );
    this.#timer = setInterval(() => this.#tick(), SETTLE_INTERVAL_MS);
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
    return this.#cancelWatch.look(now);
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

  /** Returns jobs to the queue at once that are not to be started here, while others of the message run. */
  handBack(rest: readonly Rest[]): void {
    this.#unsettled.addRest(rest);
    void this.#settle();
  }

  /** Takes the outcome of a job; waits while too much is unsettled. */
  add(outcome: Outcome): void | Promise<void> {
    this.#reports.ended(outcome.index);
    this.#unsettled.add(outcome);
    if (this.#unsettled.bytes > MAX_UNSETTLED_BYTES) return this.#settle();
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
    const { outcomes, retries } = this.#unsettled;
    if (outcomes.length > 0 && (retries.length > 0 || notStarted.length > 0)) await this.#settle();
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
    const { outcomes, retries, rest } = this.#unsettled;
    const { claim, clock } = this.#inHand;
    const open = [...notStarted, ...rest];
    if (this.halted === 'cancelled')
      return { outcomes: [...outcomes, ...cancellations(claim.message, open, retries, clock)] };
    const isHalted = this.halted !== null;
    const next = nextMessages(claim, open, retries, { isHalted, clock });
    return { outcomes, next, retriedSince: retriedSince(retries) };
  }

  async #send(part: Omit<Settlement, 'queueName' | 'claim'>): Promise<SettleResult> {
    const { queueName, claim } = this.#inHand;
    const settlement = { queueName, claim, ...part };
    return (await this.#deps.smallChunks.settle(settlement)) ?? settleClaim(this.#deps, settlement);
  }

  #take(result: SettleResult): void {
    if (result.state === 'lost') this.halt('lost');
    else if (result.state === 'cancelled' || result.cancelRequested) this.halt('cancelled');
    if (result.state === 'recorded' && result.ended)
      reportEnd(this.#deps.log, this.#inHand.claim.message.batch, result.ended);
  }

  /** Stops the timer, when the message cannot be closed. */
  dispose(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#unsettled.outcomes.length > 0) void this.#settle();
    else void this.lookForCancel(performance.now());
    this.#reports.write();
  }

  /** Settles one after the other. */
  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleNow());
    return this.#settling;
  }

  async #settleNow(): Promise<void> {
    if (this.halted === 'lost' || this.#fault) return;
    try {
      if (this.#unsettled.outcomes.length > 0) await this.#settleOutcomes();
      if (this.#unsettled.rest.length > 0 && this.halted !== 'cancelled') await this.#sendRest();
    } catch (error) {
      // Thrown when the message is closed; until then no further job is started.
      this.#fault = error as Error;
      this.halt('lost');
    }
  }

  async #settleOutcomes(): Promise<void> {
    const outcomes = this.#unsettled.takeOutcomes();
    this.#take(await this.#send({ outcomes, isLast: false }));
    this.#cancelWatch.looked();
    await this.#reports.clear(outcomes.map(({ index }) => index));
  }

  /** In a transaction without results: it locks the batch's row before it sends the messages. */
  async #sendRest(): Promise<void> {
    const rest = this.#unsettled.takeRest();
    const { claim, indexes } = this.#inHand;
    for (const index of rest.flatMap((part) => part.indexes)) this.#gone.add(index);
    const result = await this.#send({
      outcomes: [],
      isLast: false,
      next: restMessages(claim.message, rest),
      narrowTo: indexes.filter((index) => !this.#gone.has(index)),
    });
    this.#take(result);
    // Nothing was sent: these jobs are cancelled at the end.
    if (result.state === 'cancelled') this.#unsettled.addRest(rest);
  }
}
