/**
 * The limits of actions and batches in this process. Permits are asked for in blocks, for all buckets in one
 * statement, and passed on from run to run without asking.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { bucketKeyOf, bucketNameOf } from '../../domain/bucket-key.ts';
import { LimitedLog } from '../../domain/limited-log.ts';
import type { Log } from '../../domain/log.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import { type ActionSetting, readActionSettings } from '../../store/action-settings.ts';
import { databaseTime, releaseLeases, syncBuckets, throttleBucket } from '../../store/buckets.ts';
import { Bucket, type BucketLimits, UNLIMITED } from './bucket.ts';
import { bucketKey } from './bucket-key.ts';
import { DatabaseClock } from './database-clock.ts';
import { Gate, type GateDeps } from './gate.ts';
import { type BucketPlan, planOf } from './limit-plan.ts';

export interface ThrottleDeps {
  pool: Pool;
  registry: Pick<Registry, 'actions'>;
  log: Log;
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
  readonly #entries: ReadonlyMap<string, RegisteredAction>;
  readonly #plans = new Map<string, BucketPlan[] | null>();
  readonly #listeners: ((actions: ReadonlySet<string>) => void)[] = [];
  #settings: readonly ActionSetting[] = [];
  #asking: Promise<void> | null = null;
  #ticking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(deps: ThrottleDeps) {
    this.#deps = deps;
    this.#errors = new LimitedLog(deps.log);
    this.#entries = new Map(deps.registry.actions.map((entry) => [entry.name, entry]));
    this.#plan([]);
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

  /** The gates of a tenant's jobs, by action and params; null for an action without limits. */
  gatesFor(tenant: string): (entry: RegisteredAction) => ((params: unknown) => Gate) | null {
    return ({ name }) => {
      const plans = this.#plans.get(name);
      if (!plans) return null;
      const gates = new Map<string, Gate>();
      return (params) => {
        const keys = plans.map(({ by }) => bucketKey(name, by, params, tenant));
        const id = keys.join('\n');
        const gate = gates.get(id) ?? new Gate(keys as [string, ...string[]], this.#gateDeps);
        gates.set(id, gate);
        return gate;
      };
    };
  }

  /** The bucket that jobs of a paused action wait for; undefined when it is not paused. */
  pausedBy(action: string): string | undefined {
    const isPaused = this.#plans.get(action)?.some((plan) => plan.isPaused);
    return isPaused ? bucketKeyOf({ action, by: '', value: '' }) : undefined;
  }

  /**
   * Asks for permits for held jobs of a bucket. Returns how many could start; null when nothing limits the bucket any
   * more.
   */
  async permitsFor(key: string, jobs: number): Promise<number | null> {
    if (!this.#limitsOf(key)) return null;
    const bucket = this.#bucket(key);
    const now = performance.now();
    if (bucket.isClosed(now) || bucket.waitingJobs > 0) return 0;
    const available = bucket.available(now);
    if (available > 0) return available;
    await bucket.want(jobs);
    return bucket.available(performance.now());
  }

  #limitsOf(key: string): BucketLimits | null {
    const { action, by } = bucketNameOf(key);
    return this.#plans.get(action)?.find((plan) => (plan.by ?? '') === by) ?? null;
  }

  #bucket(key: string): Bucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    const bucket: Bucket = new Bucket(key, this.#limitsOf(key) ?? UNLIMITED, () => this.#ask(bucket));
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #throttle(key: string, seconds: number): void {
    const bucket = this.#bucket(key);
    const { adaptive = false } = this.#limitsOf(key) ?? {};
    bucket.sleep(seconds * 1000);
    const options = { adaptive, accepted: bucket.takeAccepted() };
    throttleBucket(this.#deps.pool, key, seconds, options)
      .then((milliseconds) => bucket.sleep(milliseconds))
      .catch((error: unknown) => this.#note(error, 'other processes do not know that a limit was met'));
  }

  #ask(bucket: Bucket): void {
    this.#toAsk.add(bucket);
    if (this.#isStopped) bucket.close();
    else
      this.#asking ??= this.#askAll().finally(() => {
        this.#asking = null;
      });
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
  }

  async #tick(): Promise<void> {
    const now = performance.now();
    for (const bucket of [...this.#buckets.values()])
      if (!bucket.tick(now)) {
        bucket.close();
        this.#buckets.delete(bucket.key);
      }
    const settings = await readActionSettings(this.#deps.pool);
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    const changed = this.#plan(settings);
    for (const bucket of this.#buckets.values()) {
      const limits = this.#limitsOf(bucket.key);
      if (changed.has(bucketNameOf(bucket.key).action) && limits) bucket.limits = limits;
    }
    for (const listener of this.#listeners) listener(changed);
  }

  /** Returns the actions whose settings have changed. */
  #plan(settings: readonly ActionSetting[]): Set<string> {
    const before = new Map(this.#settings.map((setting) => [setting.action, JSON.stringify(setting)]));
    const now = new Map(settings.map((setting) => [setting.action, setting]));
    this.#settings = settings;
    for (const [name, entry] of this.#entries) this.#plans.set(name, planOf(entry, now.get(name)));
    const names = new Set([...before.keys(), ...now.keys()]);
    return new Set([...names].filter((name) => before.get(name) !== JSON.stringify(now.get(name))));
  }

  #note(error: unknown, message: string): void {
    this.#errors.note({ level: 'warn', kind: message, fields: () => ({ err: error }), message });
  }
}
