/** What callers see of a batch: state, counts, progress. */
import type { Pool } from 'pg';
import type { ErrorName } from '../../contract/errors.ts';
import {
  type AsyncId,
  type BatchState,
  type Counts,
  hasEnded,
  requireFound,
  toAsyncId,
} from '../../domain/batch.ts';
import type { StopAfter, StoredOptions } from '../../domain/batch-options.ts';
import type { Caller } from '../../domain/caller.ts';
import { type BatchRow, findTenantBatch } from '../../store/batches.ts';
import { type RunningJobs, runningJobs } from '../../store/job-progress.ts';
import { type WaitingFor, withWaiting } from './waiting.ts';

export interface BatchStatus {
  asyncId: AsyncId;
  state: BatchState;
  counts: Counts;
  /** Whole percentage of completed work; 100 only when every job has ended. */
  progress: number;
  /** The caller's name of it, and its further texts; absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  /** Its priority, its times and what stops it, as in its options; absent without one. */
  priority?: number;
  startAt?: Date;
  deadlineAt?: Date;
  stopAfter?: StopAfter;
  /** Why it was stopped, when no caller has cancelled it. */
  stoppedBy?: 'deadline' | 'stopAfter';
  /** No job starts before it is resumed; absent otherwise. */
  paused?: true;
  /** The limits that jobs of it wait for; absent when none does. */
  waitingFor?: WaitingFor[];
}

/**
 * The caller's batch. Throws `batchNotFound` (or the given error) alike for an invalid id, another tenant's
 * batch and an expired one.
 */
export async function requireBatch(
  pool: Pool,
  caller: Caller,
  asyncId: unknown,
  notFound: ErrorName = 'batchNotFound',
): Promise<BatchRow> {
  return requireFound(asyncId, (batchId) => findTenantBatch(pool, caller.tenant, batchId), notFound);
}

export async function batchStatus(pool: Pool, caller: Caller, asyncId: unknown): Promise<BatchStatus> {
  const status = await statusOf(pool, await requireBatch(pool, caller, asyncId));
  return withWaiting(pool, status);
}

/** The running jobs of an ended batch: none. */
const NOTHING: RunningJobs = { running: 0, fractions: 0 };

async function statusOf(pool: Pool, batch: BatchRow): Promise<BatchStatus> {
  return toStatus(batch, hasEnded(batch.state) ? NOTHING : await runningJobs(pool, batch.id));
}

export function toStatus(batch: BatchRow, { running, fractions }: RunningJobs): BatchStatus {
  const { id, state, total, succeeded, failed, cancelled, skipped } = batch;
  if (hasEnded(state))
    return {
      asyncId: toAsyncId(id),
      state,
      counts: endedCounts(batch),
      progress: 100,
      ...labelsOf(batch),
      ...optionsOf(batch),
    };
  const ended = succeeded + failed + cancelled + skipped;
  // Before its time every job waits.
  const asked = batch.isScheduled ? total : batch.waiting;
  const waiting = Math.max(0, Math.min(asked, total - ended));
  const runningNow = Math.min(running, total - ended - waiting);
  const pending = total - ended - waiting - runningNow;
  return {
    asyncId: toAsyncId(id),
    state,
    counts: { total, pending, waiting, running: runningNow, succeeded, failed, cancelled, skipped },
    progress: Math.min(99, Math.floor((100 * (ended + fractions)) / total)),
    ...labelsOf(batch),
    ...optionsOf(batch),
    ...(batch.isPaused ? { paused: true } : {}),
  };
}

function optionsOf({
  startAt,
  deadlineAt,
  stoppedBy,
  options,
}: BatchRow): Pick<BatchStatus, 'priority' | 'startAt' | 'deadlineAt' | 'stopAfter' | 'stoppedBy'> {
  const { priority, stopAfter }: StoredOptions = options === '{}' ? {} : JSON.parse(options);
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(startAt && { startAt }),
    ...(deadlineAt && { deadlineAt }),
    ...(stopAfter && { stopAfter }),
    ...(stoppedBy && { stoppedBy }),
  };
}

/** What the caller has called the batch. */
export function labelsOf({
  name,
  metadata,
}: Pick<BatchRow, 'name' | 'metadata'>): Pick<BatchStatus, 'name' | 'metadata'> {
  return {
    ...(name === null ? {} : { name }),
    ...(metadata === null ? {} : { metadata: JSON.parse(metadata) }),
  };
}

/** The counts of an ended batch. */
export function endedCounts({
  total,
  succeeded,
  failed,
  cancelled,
  skipped,
}: Pick<BatchRow, 'total' | 'succeeded' | 'failed' | 'cancelled' | 'skipped'>): Counts {
  const pending = total - succeeded - failed - cancelled - skipped;
  return { total, pending, waiting: 0, running: 0, succeeded, failed, cancelled, skipped };
}
