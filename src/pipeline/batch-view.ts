/** A batch as the REST interface shows it. */
import type { Pool } from 'pg';
import { type AsyncId, type BatchState, isTerminal, toAsyncId } from '../domain/batch.ts';
import type { Caller } from '../domain/caller.ts';
import { listBatches } from '../store/batch-list.ts';
import type { BatchRow, CallbackState } from '../store/batches.ts';
import { activeJobs } from '../store/job-progress.ts';
import { type BatchStatus, statusOf } from './status.ts';

export interface BatchView extends BatchStatus {
  /** Running jobs that report progress, at most 100. */
  active: { index: number; done: number; total: number }[];
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  expiresAt: Date;
  callback: { url: string; state: CallbackState; attempts: number } | null;
}

export async function batchView(pool: Pool, batch: BatchRow): Promise<BatchView> {
  const [status, active] = await Promise.all([
    statusOf(pool, batch),
    isTerminal(batch.state) ? [] : activeJobs(pool, batch.id),
  ]);
  const { createdAt, startedAt, finishedAt, expiresAt, callbackUrl } = batch;
  return {
    ...status,
    active,
    createdAt,
    startedAt,
    finishedAt,
    expiresAt,
    callback: callbackUrl === null ? null : callbackOf(callbackUrl, batch),
  };
}

/** Before the batch has ended its callback is pending too. */
function callbackOf(url: string, { callbackState, callbackAttempts }: BatchRow): BatchView['callback'] {
  return { url, state: callbackState ?? 'pending', attempts: callbackAttempts };
}

export interface BatchPage {
  data: BatchView[];
  /** The id to go on after; null at the end. */
  next: AsyncId | null;
}

/** The caller's batches, youngest first. */
export async function batchPage(
  pool: Pool,
  caller: Caller,
  page: { limit: number; before?: string | undefined; state?: BatchState | undefined },
): Promise<BatchPage> {
  const rows = await listBatches(pool, caller.tenant, { ...page, limit: page.limit + 1 });
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    data: await Promise.all(shown.map((batch) => batchView(pool, batch))),
    next: rows.length > page.limit && last ? toAsyncId(last.id) : null,
  };
}
