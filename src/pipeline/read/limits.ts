/** The limits in use, as `GET /v1/limits` shows them. */
import type { Pool } from 'pg';
import { bucketNameOf } from '../../domain/bucket-key.ts';
import { type Caller, isOperator } from '../../domain/caller.ts';
import type { Limits } from '../../plugin/limits.ts';
import type { Registry } from '../../registry/registry.ts';
import { type ActionSetting, readActionSettings } from '../../store/action-settings.ts';
import { type BucketRow, findBuckets, recentBuckets } from '../../store/buckets.ts';
import { waitingByBucket } from './waiting-jobs.ts';

/** An action that has limits, or is paused. */
export interface ActionLimits {
  /** `namespace.action` */
  name: string;
  paused: boolean;
  /** Those in its file, or those that the operator has set; null for none. */
  limits: Limits | null;
}

interface BucketView {
  /** The action whose limit it is; null for the limits of a batch. */
  action: string | null;
  /** What shares the limit: a tenant, a value of the params, a host. Null for all jobs. */
  bucket: string | null;
  /** The batch, for its own limits. */
  asyncId?: string;
  /** Jobs that wait until there is room. */
  waiting: number;
  running: number;
  asleepUntil: Date | null;
  nextAt: Date | null;
  pace: number | null;
}

export interface LimitsView {
  actions: ActionLimits[];
  /** Buckets used in the last minute, and those with waiting jobs. */
  data: BucketView[];
}

const MAX_BUCKETS = 1000;

export interface LimitsDeps {
  pool: Pool;
  registry: Registry;
}

/** The operator sees all buckets, other callers those that their own jobs wait for. */
export async function limitsFor({ pool, registry }: LimitsDeps, caller: Caller): Promise<LimitsView> {
  const isAll = isOperator(caller);
  const waiting = await waitingByBucket(pool, isAll ? null : caller.tenant);
  const most = [...waiting]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_BUCKETS)
    .map(([bucket]) => bucket);
  const rows = await findBuckets(pool, most);
  const recent = isAll ? await recentBuckets(pool, MAX_BUCKETS) : [];
  const known = new Map([...rows, ...recent].map((row) => [row.key, row]));
  const keys = [...new Set([...most, ...known.keys()])].sort().slice(0, MAX_BUCKETS);
  const actions = await allActionLimits({ pool, registry });
  return {
    actions: actions
      .filter(({ paused, limits }) => paused || limits !== null)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    data: keys.map((key) => toView(key, waiting.get(key) ?? 0, known.get(key))),
  };
}

/** The limits of an action that exists. */
export async function actionLimits(deps: LimitsDeps, name: string): Promise<ActionLimits | undefined> {
  return (await allActionLimits(deps)).find((action) => action.name === name);
}

async function allActionLimits({ pool, registry }: LimitsDeps): Promise<ActionLimits[]> {
  const settings = new Map((await readActionSettings(pool)).map((setting) => [setting.action, setting]));
  return registry.actions.map((entry) => limitsOfAction(entry, settings.get(entry.name)));
}

function limitsOfAction(
  { name, limits }: { name: string; limits: Limits | undefined },
  setting: ActionSetting | undefined,
): ActionLimits {
  const effective = setting?.limits == null ? limits : (JSON.parse(setting.limits) as Limits);
  return { name, paused: setting?.paused ?? false, limits: effective ?? null };
}

function toView(key: string, waiting: number, row: BucketRow | undefined): BucketView {
  const { action, by, value } = bucketNameOf(key);
  const { running = 0, asleepUntil = null, nextAt = null, pace = null } = row ?? {};
  return {
    action: action || null,
    bucket: action && by ? value : null,
    ...(action ? {} : { asyncId: value.replaceAll('-', '') }),
    waiting,
    running,
    asleepUntil,
    nextAt,
    pace,
  };
}
