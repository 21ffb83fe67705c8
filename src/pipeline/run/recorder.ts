/** Settles the outcomes of a message in hand from time to time, and halts it when no job may start any more. */
import { takenAt, toAsyncId } from '../../domain/batch.ts';
import type { Outcome, RecordableOutcome, RetryOutcome } from '../../domain/outcome.ts';
import type { Log } from '../../plugin/context.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Claim } from '../../queue/queue.ts';
import { type BatchMarks, readMarks } from '../../store/batches.ts';
import { stoppedByOf } from '../../store/due-batches.ts';
import { jobsEnded } from '../../telemetry/events.ts';
import type { Releaser } from '../plan/releaser.ts';
import { reportEnd } from '../settle/batch-end.ts';
import { type SettleDeps, type Settlement, type SettleResult, settleClaim } from '../settle/settle.ts';
import type { SmallChunks } from '../settle/small-chunks.ts';
import { cancelBound } from './cancel-bound.ts';
import type { CommittedResult } from './execute-transactional.ts';
import { Halt, type HaltReason } from './halt.ts';
import { MarkWatch } from './mark-watch.ts';
import { cancellations, nextMessages, retriedSince } from './next-messages.ts';
import type { Rest } from './open-jobs.ts';
import { ProgressReports } from './progress-reports.ts';
import { type SettlePart, Unsettled } from './unsettled.ts';

/** Results are visible to callers, and retries leave, at least this often while a chunk runs. */
const SETTLE_INTERVAL_MS = 250;
/** Unsettled responses are held up to this size. */
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024;

export interface RecorderDeps extends SettleDeps {
  smallChunks: SmallChunks;
  releaser: Releaser;
  log: Log;
}

/** The message in hand. */
export interface InHand {
  queueName: string;
  claim: Claim<ChunkMessage>;
  /** The jobs of the message that had no result when it was claimed, in the order of their indexes. */
  jobs: readonly { index: number; entry: { name: string } }[];
  /** The batch may be stopped without a caller who cancels it. */
  mayStop?: boolean;
  /** Each failure may stop it. */
  countsFailures?: boolean;
  /** When the chunk was asked for, with the batch's marks; by `performance.now()`. */
  askedAt: number;
  /** What to add to this process's clock to get the database's, in ms. */
  clock: number;
  /** The params of a job with its values, as JSON text; undefined for one that gets none. Absent when none does. */
  requestOf?: ((index: number) => Promise<string | undefined>) | undefined;
}

type Contents = Pick<Settlement, 'outcomes' | 'next' | 'retriedSince'>;

export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #inHand: InHand;
  readonly #halt = new Halt();
  readonly #reports: ProgressReports;
  readonly #markWatch: MarkWatch;
  readonly #unsettled = new Unsettled();
  /** Jobs that have a result or have left the message. */
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
    this.#markWatch = new MarkWatch(
      () => readMarks(deps.pool, batch),
      (marks) => this.#heed(marks),
      inHand.askedAt,
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
   * Halts when the batch was cancelled or paused. Called before a job is started. Usually it returns at once, because
   * every settle also reads the marks.
   *
   * @param now by `performance.now()`
   */
  lookForMarks(now: number): void | Promise<void> {
    return this.#markWatch.look(now);
  }

  started(index: number): void {
    this.#reports.started(index);
  }

  progress(index: number, done: number, total: number): void {
    this.#reports.progress(index, done, total);
  }

  /** Settles all outcomes so far, before jobs that may end this process. */
  flush(): Promise<void> {
    return this.#settle();
  }

  /**
   * Returns jobs to the queue at once that are not to be started here, while others of the message run. Resolves when
   * they are there.
   */
  handBack(rest: readonly Rest[]): Promise<void> {
    this.#unsettled.addRest(rest);
    return this.#settle();
  }

  /** Takes the outcome of a job; waits while too much is unsettled, and for what a failure may stop. */
  add(outcome: Outcome): void | Promise<void> {
    this.#reports.ended(outcome.index);
    this.#unsettled.add(outcome);
    const isUrgent = outcome.status === 'failed' && this.#inHand.countsFailures === true;
    if (isUrgent || this.#unsettled.bytes > MAX_UNSETTLED_BYTES) return this.#settle();
  }

  /** Notes results that transactional jobs have recorded themselves, in one settle. */
  recorded(indexes: readonly number[], settled: CommittedResult): void {
    for (const index of indexes) {
      this.#reports.ended(index);
      this.#gone.add(index);
    }
    this.#announce(settled.results);
    this.#take(settled);
  }

  /**
   * Settles the rest and completes the message. Jobs not started are cancelled if the batch is, otherwise
   * they return to the queue unchanged. Failed runs that may be repeated return with their delay.
   */
  async close(notStarted: readonly Rest[]): Promise<void> {
    this.dispose();
    await this.#settling;
    if (this.#fault) throw this.#fault;
    this.#unsettled.addRest(notStarted);
    if (this.halted !== 'lost') await this.#settleLast(this.#unsettled.take());
    await this.#reports.clear();
  }

  async #settleLast(part: SettlePart): Promise<void> {
    const isKnown = this.halted === 'cancelled';
    const result = await this.#sendLast(isKnown ? await this.#cancelBound(part) : part);
    if (result.state === 'cancelled') await this.#sendLast(isKnown ? part : await this.#cancelBound(part));
  }

  async #cancelBound({ outcomes, retries, rest }: SettlePart): Promise<SettlePart> {
    const { claim, clock, requestOf } = this.#inHand;
    if (!requestOf || claim.message.lastRuns === undefined) return { outcomes, retries, rest };
    const left = await cancelBound(claim.message, rest, {
      clock,
      stoppedBy: await this.#stoppedBy(),
      requestOf,
      add: (outcome) => this.add(outcome),
    });
    await this.#settling;
    if (this.#fault) throw this.#fault;
    const more = this.#unsettled.take({ onlyOutcomes: true }).outcomes;
    return { outcomes: [...outcomes, ...more], retries, rest: left };
  }

  async #sendLast(part: SettlePart): Promise<SettleResult> {
    const contents = await this.#end(part);
    const result = await this.#send({ isLast: true, ...contents });
    if (result.state === 'recorded')
      this.#announce(contents.outcomes, this.halted === 'cancelled' ? [] : part.retries);
    this.#take(result);
    return result;
  }

  /** Emits the event of runs that are settled. */
  #announce(results: readonly RecordableOutcome[], repeated: readonly RetryOutcome[] = []): void {
    if (!jobsEnded.isHeard || results.length + repeated.length === 0) return;
    const { claim, jobs, clock } = this.#inHand;
    const { batch, generation, action, isPlanned } = claim.message;
    let names: Map<number, string> | undefined;
    jobsEnded.emit({
      actionOf(index) {
        if (action !== undefined) return jobs[0]?.entry.name;
        names ??= new Map(jobs.map((job) => [job.index, job.entry.name]));
        return names.get(index);
      },
      results,
      repeated,
      // Neither a restart nor the end of other jobs is recorded with its time.
      waitingSince: generation === 1 && !isPlanned ? takenAt(batch) - clock : null,
    });
  }

  async #end(part: SettlePart): Promise<Contents> {
    if (this.halted !== 'cancelled') return this.#contentsOf(part);
    const { claim, clock } = this.#inHand;
    const stoppedBy = await this.#stoppedBy();
    return { outcomes: [...part.outcomes, ...cancellations(claim.message, part, { clock, stoppedBy })] };
  }

  async #stoppedBy(): Promise<string | null> {
    const { claim, mayStop } = this.#inHand;
    return mayStop ? untilAvailable(() => stoppedByOf(this.#deps.pool, claim.message.batch)) : null;
  }

  #contentsOf(part: SettlePart): Contents {
    const { claim, clock } = this.#inHand;
    const next = nextMessages(claim, part, { isHalted: this.halted !== null, clock });
    return { outcomes: part.outcomes, next, retriedSince: retriedSince(part.retries) };
  }

  async #send(part: Omit<Settlement, 'queueName' | 'claim'>): Promise<SettleResult> {
    const { queueName, claim, countsFailures: stops } = this.#inHand;
    const settlement = { queueName, claim, stops, isHeld: this.halted === 'held', ...part };
    return (await this.#deps.smallChunks.settle(settlement)) ?? settleClaim(this.#deps, settlement);
  }

  #take(result: SettleResult): void {
    if (result.state === 'lost') this.halt('lost');
    else if (result.state === 'cancelled') this.halt('cancelled');
    if (result.state !== 'recorded') return;
    this.#heed(result);
    const { batch, isPlanned } = this.#inHand.claim.message;
    if (isPlanned) this.#deps.releaser.wake(batch);
    if (result.ended) reportEnd(this.#deps.log, batch, result.ended);
  }

  #heed({ cancelRequested, isHeld }: BatchMarks): void {
    if (cancelRequested) this.halt('cancelled');
    else if (isHeld) this.halt('held');
  }

  /** Stops the timer, when the message cannot be closed. */
  dispose(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#unsettled.isEmpty) void this.lookForMarks(performance.now());
    else void this.#settle();
    this.#reports.write();
  }

  /** Settles one after the other. */
  #settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleNow());
    return this.#settling;
  }

  async #settleNow(): Promise<void> {
    if (this.#unsettled.isEmpty || this.halted === 'lost' || this.#fault) return;
    // Jobs of a cancelled batch do not leave: they are cancelled at the end.
    const part = this.#unsettled.take({ onlyOutcomes: this.halted === 'cancelled' });
    try {
      await this.#settlePart(part);
    } catch (error) {
      // Thrown when the message is closed; until then no further job is started.
      this.#fault = error as Error;
      this.halt('lost');
    }
  }

  async #settlePart(part: SettlePart): Promise<void> {
    const recorded = part.outcomes.map(({ index }) => index);
    const retried = part.retries.map(({ index }) => index);
    const leaving = [...retried, ...part.rest.flatMap(({ indexes }) => indexes)];
    if (recorded.length + leaving.length === 0) return;
    // Before they may run elsewhere, where they are shown as running again.
    await this.#reports.clear(retried);
    const narrowed = leaving.length === 0 ? {} : { narrowTo: this.#without([...recorded, ...leaving]) };
    const askedAt = performance.now();
    const result = await this.#send({ isLast: false, ...this.#contentsOf(part), ...narrowed });
    this.#take(result);
    if (result.state === 'cancelled') {
      this.#unsettled.putBack(part);
      return;
    }
    if (result.state === 'recorded') this.#announce(part.outcomes, part.retries);
    for (const index of [...recorded, ...leaving]) this.#gone.add(index);
    // Without results there is no look at the batch.
    if (result.state === 'recorded' && recorded.length > 0) this.#markWatch.looked(askedAt);
    await this.#reports.clear(recorded);
  }

  /**
   * The message is limited to these jobs when others leave it: none of them runs twice at once, even if another
   * lane takes it over.
   */
  #without(indexes: readonly number[]): number[] {
    const without = new Set(indexes);
    return this.#inHand.jobs
      .map(({ index }) => index)
      .filter((index) => !this.#gone.has(index) && !without.has(index));
  }
}
