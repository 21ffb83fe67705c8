/** A batch as the REST interface shows it. */
import type { Pool } from 'pg';
import { type AsyncId, hasEnded, requireFound, toAsyncId, toBatchId } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import {
  type BatchFilter,
  findLiveBatch,
  type LiveBatch,
  listBatches,
  tenantBatchesAmong,
} from '../../store/batch-list.ts';
import type { BatchRow, CallbackState } from '../../store/batches.ts';
import { type BatchStatus, toStatus } from './status.ts';
import { allWithWaiting, withWaiting } from './waiting.ts';

export interface BatchView extends BatchStatus {
  /** `namespace.action` of its jobs, each once; absent when an earlier release has stored the batch. */
  actions?: string[];
  /** Running jobs that report progress, at most 100. */
  active: { index: number; done: number; total: number }[];
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  expiresAt: Date;
  /** `skipped`: the batch has ended without a failure, and only failures are called back. */
  callback: { url: string; state: CallbackState | 'skipped'; attempts: number } | null;
}

export function toView(batch: LiveBatch): BatchView {
  const { createdAt, startedAt, finishedAt, expiresAt, callbackUrl, actions } = batch;
  return {
    ...toStatus(batch, batch),
    ...(actions && { actions }),
    active: JSON.parse(batch.active),
    createdAt,
    startedAt,
    finishedAt,
    expiresAt,
    callback: callbackUrl === null ? null : callbackOf(callbackUrl, batch),
  };
}

/** Before the batch has ended, its callback is shown as pending too. */
function callbackOf(
  url: string,
  { state, callbackState, callbackAttempts }: BatchRow,
): BatchView['callback'] {
  const unsent = hasEnded(state) ? 'skipped' : 'pending';
  return { url, state: callbackState ?? unsent, attempts: callbackAttempts };
}

/** The caller's batch. Throws `batchNotFound` like `requireBatch`. */
export async function requireView(pool: Pool, caller: Caller, asyncId: unknown): Promise<BatchView> {
  const batch = await requireFound(asyncId, (batchId) => findLiveBatch(pool, caller.tenant, batchId));
  return withWaiting(pool, toView(batch));
}

export type { BatchFilter };

/** Which of these are batches of the caller. */
export async function batchesAmong(
  pool: Pool,
  caller: Caller,
  asyncIds: readonly AsyncId[],
): Promise<AsyncId[]> {
  return (await tenantBatchesAmong(pool, caller.tenant, asyncIds.map(toBatchId))).map(toAsyncId);
}

export interface BatchPage {
  data: BatchView[];
  /** The id to continue after; null at the end. */
  next: AsyncId | null;
}

/** The caller's batches, youngest first. */
export async function batchPage(
  pool: Pool,
  caller: Caller,
  page: BatchFilter & { limit: number; before?: string | undefined },
): Promise<BatchPage> {
  const { rows, scannedTo } = await listBatches(pool, caller.tenant, { ...page, limit: page.limit + 1 });
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1)?.id : scannedTo;
  const data = await allWithWaiting(pool, shown.map(toView));
  return { data, next: last ? toAsyncId(last) : null };
}
