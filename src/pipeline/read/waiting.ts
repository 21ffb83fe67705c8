/** Which limits the jobs of a batch wait for. */
import type { Pool } from 'pg';
import { type AsyncId, type BatchState, hasEnded, toBatchId } from '../../domain/batch.ts';
import { bucketNameOf } from '../../domain/bucket-key.ts';
import { type BucketRow, findBuckets } from '../../store/buckets.ts';
import { type BucketJobs, waitingOfBatches } from './waiting-jobs.ts';

export interface WaitingFor {
  /** The action whose limit it is; null for the batch's own. */
  action: string | null;
  /** What shares the limit: a tenant, a value of the params, a host. Null for all jobs of the action, or of the batch. */
  bucket: string | null;
  jobs: number;
  /** Nothing starts before; null when that is not known. */
  until: Date | null;
}

/** Limits named for a batch. */
const MAX_NAMED = 100;

/** A batch as it is shown. */
interface Shown {
  asyncId: AsyncId;
  state: BatchState;
  waitingFor?: WaitingFor[];
}

/** Adds the limits that jobs of the batch wait for, if any. */
export async function withWaiting<T extends Shown>(pool: Pool, batch: T): Promise<T> {
  const [shown = batch] = await allWithWaiting(pool, [batch]);
  return shown;
}

/** The same for several, in at most three statements. */
export async function allWithWaiting<T extends Shown>(pool: Pool, batches: readonly T[]): Promise<T[]> {
  const open = batches.filter(({ state }) => !hasEnded(state)).map(({ asyncId }) => toBatchId(asyncId));
  const jobs = open.length > 0 ? await waitingOfBatches(pool, open) : [];
  if (jobs.length === 0) return [...batches];
  const byBatch = Map.groupBy(jobs, ({ batch }) => batch);
  const named = new Map([...byBatch].map(([batch, all]) => [batch, all.slice(0, MAX_NAMED)]));
  const keys = new Set([...named.values()].flat().map(({ bucket }) => bucket));
  const rows = new Map((await findBuckets(pool, [...keys])).map((row) => [row.key, row]));
  return batches.map((batch) => {
    const waiting = named.get(toBatchId(batch.asyncId));
    return waiting ? { ...batch, waitingFor: waiting.map((one) => toWaiting(one, rows)) } : batch;
  });
}

function toWaiting({ bucket: key, jobs }: BucketJobs, rows: ReadonlyMap<string, BucketRow>): WaitingFor {
  const { asleepUntil = null, nextAt = null } = rows.get(key) ?? {};
  const { action, by, value } = bucketNameOf(key);
  return {
    action: action || null,
    bucket: action && by ? value : null,
    jobs,
    until: asleepUntil && nextAt ? (asleepUntil > nextAt ? asleepUntil : nextAt) : (asleepUntil ?? nextAt),
  };
}
