/**
 * The limits of actions and batches in this process. Permits are asked for in blocks, for all buckets in one
 * statement, and passed on from run to run without asking.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { type BatchLimits, batchLimits } from '../../domain/batch-options.ts';
import { bucketKeyOf, bucketNameOf } from '../../domain/bucket-key.ts';
import type { HostLimits } from '../../domain/host-limits.ts';
import { LimitedLog } from '../../domain/limited-log.ts';
import type { Log } from '../../domain/log.ts';
import { pointerOf } from '../../registry/limits.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import { readActionSettings } from '../../store/action-settings.ts';
import { findOptions } from '../../store/batches.ts';
import { databaseTime, releaseLeases, syncBuckets, throttleBucket } from '../../store/buckets.ts';
import { Bucket } from './bucket.ts';
import { bucketKey } from './bucket-key.ts';
import { UNLIMITED } from './bucket-limits.ts';
import { DatabaseClock } from './database-clock.ts';
import { Gate, type GateDeps } from './gate.ts';
import { LimitsInForce } from './limits-in-force.ts';

export interface ThrottleDeps {
  pool: Pool;
  registry: Pick<Registry, 'actions'>;
  log: Log;
  /** The operator's, for `http.request`; none when absent. */
  hostLimits?: HostLimits;
}

/** A batch with limits of its own. */
export interface LimitedBatch {
  id: string;
  limits: BatchLimits;
}

/** Leases are renewed, and given back, and changes by operators are seen, this often. */
const TICK_MS = 1000;
/** The quickest answer tells the time most exactly. */
const CLOCK_READINGS = 5;
/** The database is away: it is asked again after this time. */
const AGAIN_MS = 500;

export class Throttle {
  readonly #deps: ThrottleDeps;
  readonly #errors: LimitedLog;
  readonly #holder = randomUUID();
  readonly #gateDeps: GateDeps = {
    bucket: (key) => this.#bucket(key),
    throttle: (key, seconds) => this.#throttle(key, seconds),
  };
  readonly #clock = new DatabaseClock();
  readonly #buckets = new Map<string, Bucket>();
  readonly #toAsk = new Set<Bucket>();
  readonly #inForce: LimitsInForce;
  readonly #listeners: ((actions: ReadonlySet<string>) => void)[] = [];
  #asking: Promise<void> | null = null;
  #ticking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(deps: ThrottleDeps) {
    this.#deps = deps;
    this.#errors = new LimitedLog(deps.log);
    this.#inForce = new LimitsInForce(deps.registry, deps.hostLimits ?? new Map());
  }

  /** Reads what operators have changed, and from now on each second. */
  async start(): Promise<void> {
    await this.#tick();
    for (let count = 0; count < CLOCK_READINGS; count++) {
      const sentAt = performance.now();
      this.#clock.read(await databaseTime(this.#deps.pool), sentAt, performance.now());
    }
    this.#timer = setInterval(() => {
      this.#ticking = this.#ticking
        .then(() => this.#tick())
        .catch((error: unknown) => this.#note(error, 'limits could not be read'));
    }, TICK_MS);
  }

  /** Gives back all permits; call it when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const bucket of this.#buckets.values()) bucket.close();
    await Promise.all([this.#ticking, this.#asking]);
    // If this fails, they end by themselves.
    await releaseLeases(this.#deps.pool, this.#holder).catch(() => {});
    this.#errors.flush();
  }

  /** The listener gets the names of actions whose limits an operator has changed. */
  onChange(listener: (actions: ReadonlySet<string>) => void): void {
    this.#listeners.push(listener);
  }

  /** The gates of a batch's jobs, by action and params; null for an action without limits. */
  gatesFor(
    tenant: string,
    batch?: LimitedBatch | null,
  ): (entry: RegisteredAction) => ((params: unknown) => Gate) | null {
    const ofBatch = batch ? [this.#inForce.addBatch(batch.id, batch.limits)] : [];
    const ofActions = new Map<string, ((params: unknown) => Gate) | null>();
    const gateOf = (name: string): ((params: unknown) => Gate) | null => {
      const plans = this.#inForce.plansOf(name);
      if (plans.length + ofBatch.length === 0) return null;
      const gates = new Map<string, Gate>();
      return (params) => {
        const own = plans.map(({ by }) => bucketKey(name, by, params, tenant));
        const id = own.join('\n');
        const gate = gates.get(id) ?? new Gate([...own, ...ofBatch], this.#gateDeps);
        gates.set(id, gate);
        return gate;
      };
    };
    return ({ name }) => {
      const known = ofActions.get(name);
      if (known !== undefined) return known;
      const made = gateOf(name);
      ofActions.set(name, made);
      return made;
    };
  }

  /** The places in the params that say which buckets a job of the action is in: JSON Pointers. */
  pointersOf(action: string): string[] {
    return this.#inForce
      .plansOf(action)
      .flatMap(({ by }) => (by === undefined || by === 'tenant' ? [] : [pointerOf(by)]));
  }

  /** The bucket that jobs of a paused action wait for; undefined when it is not paused. */
  pausedBy(action: string): string | undefined {
    const isPaused = this.#inForce.plansOf(action).some((plan) => plan.isPaused);
    return isPaused ? bucketKeyOf({ action, by: '', value: '' }) : undefined;
  }

  /**
   * Asks for permits for held jobs of a bucket. Returns how many jobs are needed; null when nothing limits the bucket any
   * more.
   */
  async neededFor(key: string, jobs: number): Promise<number | null> {
    if (!(await this.#isLimited(key))) return null;
    const bucket = this.#bucket(key);
    const now = performance.now();
    if (bucket.isClosed(now)) return 0;
    const needed = bucket.needed(now);
    if (needed > 0 || bucket.waitingJobs > 0) return needed;
    await bucket.want(jobs);
    return bucket.needed(performance.now());
  }

  /** True when so many jobs that wait for the bucket in hand need no others beside them for now. */
  isEnough(key: string, jobs: number): boolean {
    return this.#bucket(key).isEnough(jobs);
  }

  async #isLimited(key: string): Promise<boolean> {
    if (this.#inForce.limitsOf(key)) return true;
    const { action, value } = bucketNameOf(key);
    if (action !== '') return false;
    // A batch that another process had in hand.
    const options = await findOptions(this.#deps.pool, value);
    const limits = options === undefined ? null : batchLimits(options);
    if (limits) this.#inForce.addBatch(value, limits);
    return limits !== null;
  }

  #bucket(key: string): Bucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    const bucket: Bucket = new Bucket(key, this.#inForce.limitsOf(key) ?? UNLIMITED, () => this.#ask(bucket));
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #throttle(key: string, seconds: number): void {
    const bucket = this.#bucket(key);
    const { adaptive = false } = this.#inForce.limitsOf(key) ?? {};
    bucket.sleep(seconds * 1000);
    const options = { adaptive, accepted: bucket.takeAccepted() };
    throttleBucket(this.#deps.pool, key, seconds, options)
      .then((milliseconds) => bucket.sleep(milliseconds))
      .catch((error: unknown) => this.#note(error, 'other processes do not know that a limit was met'));
  }

  #ask(bucket: Bucket): void {
    this.#toAsk.add(bucket);
    if (this.#isStopped) bucket.close();
    else this.#asking ??= this.#askAll();
  }

  async #askAll(): Promise<void> {
    // Buckets that want something at the same time ask together.
    await Promise.resolve();
    while (this.#toAsk.size > 0 && !this.#isStopped) {
      const asking = [...this.#toAsk];
      this.#toAsk.clear();
      const sentAt = performance.now();
      try {
        const questions = asking.map((bucket) => bucket.question(sentAt));
        const answers = await syncBuckets(this.#deps.pool, this.#holder, questions);
        const arrivedAt = performance.now();
        const byKey = new Map(answers.map((answer) => [answer.key, answer]));
        for (const bucket of asking) {
          const answer = byKey.get(bucket.key);
          if (answer) bucket.answer(answer, this.#clock.read(answer.nowMs, sentAt, arrivedAt));
        }
      } catch (error) {
        this.#note(error, 'permits could not be asked for');
        for (const bucket of asking) this.#toAsk.add(bucket);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    this.#asking = null;
  }

  async #tick(): Promise<void> {
    const now = performance.now();
    for (const bucket of [...this.#buckets.values()])
      if (!bucket.tick(now)) {
        bucket.close();
        this.#buckets.delete(bucket.key);
      }
    const changed = this.#inForce.apply(await readActionSettings(this.#deps.pool));
    if (changed.size === 0) return;
    for (const bucket of this.#buckets.values()) {
      const limits = this.#inForce.limitsOf(bucket.key);
      if (changed.has(bucketNameOf(bucket.key).action) && limits) bucket.limits = limits;
    }
    for (const listener of this.#listeners) listener(changed);
  }

  #note(error: unknown, message: string): void {
    this.#errors.note({ level: 'warn', kind: message, fields: () => ({ err: error }), message });
  }
}
