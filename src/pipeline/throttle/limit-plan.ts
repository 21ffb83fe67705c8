/** Which buckets the jobs of an action stand under. */
import type { Limits } from '../../plugin/limits.ts';
import type { RegisteredAction } from '../../registry/registry.ts';
import type { ActionSetting } from '../../store/action-settings.ts';
import { type BucketLimits, UNLIMITED } from './bucket.ts';

/** The limits of the buckets that an action has by one `by`. */
export interface BucketPlan extends BucketLimits {
  by: string | undefined;
}

/** Null when the action's jobs start without asking. */
export function planOf(
  { limits }: Pick<RegisteredAction, 'limits'>,
  setting: ActionSetting | undefined,
): BucketPlan[] | null {
  if (setting?.paused) return [{ ...UNLIMITED, by: undefined, isPaused: true }];
  const effective = setting?.limits == null ? limits : (JSON.parse(setting.limits) as Limits);
  const plans = effective ? plansOf(effective) : [];
  return plans.length > 0 ? plans : null;
}

function plansOf({ concurrency, rate, adaptive = false }: Limits): BucketPlan[] {
  const plans = new Map<string | undefined, BucketPlan>();
  const planBy = (by: string | undefined): BucketPlan => {
    const plan = plans.get(by) ?? { ...UNLIMITED, by };
    plans.set(by, plan);
    return plan;
  };
  if (concurrency) planBy(concurrency.by).max = concurrency.max;
  if (rate) planBy(rate.by).rate = { ...rate, burst: rate.burst ?? 1 };
  if (adaptive) planBy((rate ?? concurrency)?.by).adaptive = true;
  return [...plans.values()];
}
