import { BatchwrightError, type ErrorName } from '../contract/errors.ts';

/** queued → running → completed or cancelled; see docs/lifecycle.md. */
export type BatchState = 'queued' | 'running' | 'completed' | 'cancelled';

/** True when every job of the batch has its result. */
export function hasEnded(state: BatchState): boolean {
  return state === 'completed' || state === 'cancelled';
}

export interface Counts {
  total: number;
  /** Neither started nor waiting. */
  pending: number;
  /** Waiting for other jobs of the batch. */
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
}

/** When the batch was taken in, in ms since the epoch by the database's clock: its id is a UUIDv7. */
export function takenAt(batchId: string): number {
  return Number.parseInt(batchId.slice(0, 8) + batchId.slice(9, 13), 16);
}

/** asyncId, as callers see it: the 32 hex digits of the batch's UUID. */
export type AsyncId = string;

const ASYNC_ID = /^[0-9a-f]{32}$/;

/** True for the form of id that `run` returns; no other value names a batch. */
export function isAsyncId(value: unknown): value is AsyncId {
  return typeof value === 'string' && ASYNC_ID.test(value);
}

/**
 * What `find` returns for the batch. Throws `batchNotFound` (or the given error) alike for an invalid id and
 * for a batch that `find` does not find: one that is gone, or another tenant's.
 */
export async function requireFound<T>(
  asyncId: unknown,
  find: (batchId: string) => Promise<T | null>,
  notFound: ErrorName = 'batchNotFound',
): Promise<T> {
  const found = isAsyncId(asyncId) ? await find(toBatchId(asyncId)) : null;
  if (found === null) throw new BatchwrightError(notFound);
  return found;
}

export function toAsyncId(batchId: string): AsyncId {
  return batchId.replaceAll('-', '');
}

export function toBatchId(asyncId: AsyncId): string {
  return asyncId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * A worker starts jobs for this long after it has read whether the batch is cancelled or paused, and then reads it again.
 * So when a batch has been paused for this long, no job of it starts. With 20 ms, a worker that is busy with small batches
 * would read most of them twice.
 */
export const MARKS_HOLD_MS = 50;
