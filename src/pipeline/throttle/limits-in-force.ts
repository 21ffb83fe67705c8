/** The limits that hold now: those in actions' files, what the operator has changed, and those of batches. */
import { LRUCache } from 'lru-cache';
import type { BatchLimits } from '../../domain/batch-options.ts';
import { batchBucketKey, bucketNameOf } from '../../domain/bucket-key.ts';
import type { HostLimits } from '../../domain/host-limits.ts';
import type { Limits } from '../../plugin/limits.ts';
import { isHostOf } from '../../registry/limits.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import type { ActionSetting } from '../../store/action-settings.ts';
import { type BucketLimits, UNLIMITED } from './bucket-limits.ts';

/** The limits of the buckets that an action has by one `by`. */
export interface BucketPlan extends BucketLimits {
  by: string | undefined;
}

/** The action that the operator's limits of hosts are for. */
const HOST_ACTION = 'http.request';
/** Batches with limits that are known at once; others are looked up again. */
const MAX_BATCHES = 10_000;

export class LimitsInForce {
  readonly #entries: readonly RegisteredAction[];
  readonly #hostLimits: HostLimits;
  readonly #plans = new Map<string, readonly BucketPlan[]>();
  readonly #batches = new LRUCache<string, BucketLimits>({ max: MAX_BATCHES });
  #settings = new Map<string, ActionSetting>();

  constructor({ actions }: Pick<Registry, 'actions'>, hostLimits: HostLimits) {
    this.#entries = actions;
    this.#hostLimits = hostLimits;
    for (const entry of actions) this.#plan(entry);
  }

  /** Takes what the operator has changed; returns the names of actions for which this is news. */
  apply(settings: readonly ActionSetting[]): Set<string> {
    const before = this.#settings;
    this.#settings = new Map(settings.map((setting) => [setting.action, setting]));
    const names = new Set([...before.keys(), ...this.#settings.keys()]);
    const changed = [...names].filter(
      (name) => JSON.stringify(before.get(name)) !== JSON.stringify(this.#settings.get(name)),
    );
    for (const entry of this.#entries) if (changed.includes(entry.name)) this.#plan(entry);
    return new Set(changed);
  }

  /** One plan for each `by`; empty when the action's jobs start without asking. */
  plansOf(action: string): readonly BucketPlan[] {
    return this.#plans.get(action) ?? [];
  }

  /** Returns the key of the batch's bucket. */
  addBatch(batchId: string, limits: BatchLimits): string {
    const key = batchBucketKey(batchId);
    if (!this.#batches.has(key)) this.#batches.set(key, plansFrom(limits)[0] ?? UNLIMITED);
    return key;
  }

  /** Undefined when nothing limits the bucket, or it is a batch's that is not known. */
  limitsOf(key: string): BucketLimits | undefined {
    const { action, by, value } = bucketNameOf(key);
    if (action === '') return this.#batches.get(key);
    const plan = this.plansOf(action).find((known) => (known.by ?? '') === by);
    const isOfHost = action === HOST_ACTION && isHostOf(by) && this.#settings.get(action)?.limits == null;
    return plan && isOfHost ? this.#ofHost(plan, value) : plan;
  }

  #ofHost(plan: BucketPlan, host: string): BucketLimits {
    const named = this.#hostLimits.get(host) ?? this.#hostLimits.get(host.replace(/:\d+$/, ''));
    const { startsPerSecond, atOnce } = named ?? this.#hostLimits.get('*') ?? {};
    return {
      ...plan,
      ...(atOnce === undefined ? {} : { max: atOnce, isLocal: false }),
      ...(startsPerSecond === undefined ? {} : { rate: { limit: startsPerSecond, perSeconds: 1, burst: 1 } }),
    };
  }

  #plan({ name, limits }: RegisteredAction): void {
    const setting = this.#settings.get(name);
    const changed: Limits | undefined = setting?.limits == null ? limits : JSON.parse(setting.limits);
    const paused = [{ ...UNLIMITED, by: undefined, isPaused: true }];
    this.#plans.set(name, setting?.paused ? paused : plansFrom(changed ?? {}));
  }
}

function plansFrom({ concurrency, rate, adaptive = false }: Limits): BucketPlan[] {
  const plans = new Map<string | undefined, BucketPlan>();
  const planBy = (by: string | undefined): BucketPlan => {
    const plan = plans.get(by) ?? { ...UNLIMITED, by };
    plans.set(by, plan);
    return plan;
  };
  if (concurrency) {
    const plan = planBy(concurrency.by);
    plan.max = concurrency.max;
    plan.isLocal = concurrency.perProcess ?? false;
  }
  if (rate) planBy(rate.by).rate = { ...rate, burst: rate.burst ?? 1 };
  if (adaptive) planBy((rate ?? concurrency)?.by).adaptive = true;
  // The first is the one that a ThrottledError puts to sleep.
  return [...plans.values()].sort((a, b) => Number(b.adaptive) - Number(a.adaptive));
}
