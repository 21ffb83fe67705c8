import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import { UNDIVIDED_TABLES } from './batch-tables.ts';

export type CallbackState = 'pending' | 'delivered' | 'failed' | 'superseded';

export interface BatchRow {
  id: string;
  tenant: string;
  state: BatchState;
  total: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
  /** Jobs that wait for other jobs. */
  waiting: number;
  /** Its jobs depend on each other. */
  isPlanned: boolean;
  generation: number;
  cancelRequested: boolean;
  isPaused: boolean;
  startAt: Date | null;
  /** No job starts: the time has not come, or no worker has noticed. */
  isScheduled: boolean;
  deadlineAt: Date | null;
  /** Why nothing starts any more, when no caller has cancelled it. */
  stoppedBy: 'deadline' | 'stopAfter' | null;
  /** JSON text: the options that have no columns of their own. */
  options: string;
  /** The caller's name of it. */
  name: string | null;
  /** JSON text: an object of texts. */
  metadata: string | null;
  callbackUrl: string | null;
  /** The callback is sent only when some job has not succeeded. */
  callbackOnFailure: boolean;
  callbackState: CallbackState | null;
  callbackAttempts: number;
  /** When the callback was last reposted. */
  repostedAt: Date | null;
  /** How often it was reposted since the batch ended. */
  reposts: number;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  expiresAt: Date;
}

export const BATCH_COLUMNS = `id, tenant, state, total, succeeded, failed, cancelled, skipped, waiting,
  is_planned as "isPlanned", generation,
  cancel_requested as "cancelRequested", paused as "isPaused", start_at as "startAt",
  is_scheduled as "isScheduled", deadline_at as "deadlineAt", stopped_by as "stoppedBy", options, name, metadata, callback_url as "callbackUrl",
  callback_on_failure as "callbackOnFailure", callback_state as "callbackState",
  callback_attempts as "callbackAttempts", reposted_at as "repostedAt", reposts, created_at as "createdAt", started_at as "startedAt",
  finished_at as "finishedAt", expires_at as "expiresAt"`;

/** Condition for batches that callers may see: not expired, or not ended. */
export const IS_VISIBLE = `(expires_at > now() or state in ('queued', 'running'))`;

/**
 * The tenant's batch. Null when there is none with that id, when it belongs to another tenant, or has ended
 * and expired.
 */
export async function findTenantBatch(
  client: ClientBase | Pool,
  tenant: string,
  batchId: string,
): Promise<BatchRow | null> {
  const { rows } = await client.query<BatchRow>({
    name: 'find-batch',
    text: `select ${BATCH_COLUMNS} from batchwright.batch where id = $1 and tenant = $2 and ${IS_VISIBLE}`,
    values: [batchId, tenant],
  });
  return rows[0] ?? null;
}

/** The same, locked until the transaction ends. */
export async function lockTenantBatch(
  client: ClientBase,
  tenant: string,
  batchId: string,
): Promise<BatchRow | null> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from batchwright.batch where id = $1 and tenant = $2 and ${IS_VISIBLE} for update`,
    [batchId, tenant],
  );
  return rows[0] ?? null;
}

/**
 * The actions of the tenant's batch. Null when they were not stored, undefined when there is no such batch.
 */
export async function findActions(
  pool: Pool,
  tenant: string,
  batchId: string,
): Promise<string[] | null | undefined> {
  const { rows } = await pool.query<{ actions: string[] | null }>(
    `select actions from batchwright.batch where id = $1 and tenant = $2 and ${IS_VISIBLE}`,
    [batchId, tenant],
  );
  return rows[0]?.actions;
}

export async function storeActions(pool: Pool, batchId: string, actions: readonly string[]): Promise<void> {
  await pool.query('update batchwright.batch set actions = $2 where id = $1', [batchId, actions]);
}

/** JSON text: the options of a batch of any tenant; undefined when it is gone. */
export async function findOptions(pool: Pool, batchId: string): Promise<string | undefined> {
  const { rows } = await pool.query<{ options: string }>({
    name: 'find-options',
    text: 'select options from batchwright.batch where id = $1',
    values: [batchId],
  });
  return rows[0]?.options;
}

/** For internal work: a batch of any tenant. */
export async function findAnyBatch(client: ClientBase | Pool, batchId: string): Promise<BatchRow | null> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from batchwright.batch where id = $1`,
    [batchId],
  );
  return rows[0] ?? null;
}

/** The same, locked until the transaction ends. */
export async function lockAnyBatch(client: ClientBase, batchId: string): Promise<BatchRow | null> {
  const { rows } = await client.query<BatchRow>(
    `select ${BATCH_COLUMNS} from batchwright.batch where id = $1 for update`,
    [batchId],
  );
  return rows[0] ?? null;
}

/** Which of these batches have ended. */
export async function endedAmong(pool: Pool, batchIds: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'finished-among',
    text: `select id from batchwright.batch where id = any($1) and state in ('completed', 'cancelled')`,
    values: [batchIds],
  });
  return rows.map(({ id }) => id);
}

/** False when the batch has ended already. A paused batch goes on, to its end. */
export async function requestCancel(client: ClientBase, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `update batchwright.batch set cancel_requested = true, paused = false, is_scheduled = false where id = $1 and state in ('queued', 'running')`,
    [batchId],
  );
  return rowCount === 1;
}

export async function setPaused(client: ClientBase, batchId: string, paused: boolean): Promise<void> {
  await client.query('update batchwright.batch set paused = $2 where id = $1', [batchId, paused]);
}

/** True while no job of a row of `batch` may start, although none is cancelled. */
export const IS_HELD = '(batch.paused or batch.is_scheduled)';

/** Why no further job of a batch starts. */
export interface BatchMarks {
  cancelRequested: boolean;
  isHeld: boolean;
}

const MARKS = `select cancel_requested as "cancelRequested", ${IS_HELD} as "isHeld"
  from batchwright.batch where id = $1`;
const NO_MARKS: BatchMarks = { cancelRequested: false, isHeld: false };

/** None for a batch that was deleted. */
export async function readMarks(pool: Pool, batchId: string): Promise<BatchMarks> {
  const { rows } = await pool.query<BatchMarks>({ name: 'read-marks', text: MARKS, values: [batchId] });
  return rows[0] ?? NO_MARKS;
}

/** The same, and whoever changes them waits until the transaction ends. */
export async function shareMarks(client: ClientBase, batchId: string): Promise<BatchMarks> {
  const { rows } = await client.query<BatchMarks>(`${MARKS} for share`, [batchId]);
  return rows[0] ?? NO_MARKS;
}

/** The state of a batch and its actions, for internal work. */
export type BatchWithActions = Pick<
  BatchRow,
  'tenant' | 'state' | 'generation' | 'cancelRequested' | 'stoppedBy' | 'options'
> & {
  actions: string[];
};

export async function findWithActions(client: ClientBase, batchId: string): Promise<BatchWithActions | null> {
  const { rows } = await client.query<BatchWithActions>({
    name: 'find-with-actions',
    text: `select tenant, state, generation, cancel_requested as "cancelRequested", stopped_by as "stoppedBy", options, coalesce(actions, '{}') as actions
     from batchwright.batch where id = $1`,
    values: [batchId],
  });
  return rows[0] ?? null;
}

/** Reopens an ended batch under a new generation, after the results to be repeated were deleted. */
export async function reopen(
  client: ClientBase,
  batchId: string,
  removed: { failed: number; cancelled: number; skipped: number },
): Promise<number> {
  const { rows } = await client.query<{ generation: number }>(
    `update batchwright.batch
     set generation = generation + 1, state = 'queued', finished_at = null, cancel_requested = false, paused = false,
         is_scheduled = false, stopped_by = null, due_at = null,
         failed = failed - $2, cancelled = cancelled - $3, skipped = skipped - $4, callback_attempts = 0,
         reposts = 0, callback_state = case when callback_state = 'pending' then 'superseded'::batchwright.callback_state end
     where id = $1 returning generation`,
    [batchId, removed.failed, removed.cancelled, removed.skipped],
  );
  return rows[0]?.generation ?? 0;
}

/** A page of a walk over batches: a limited number, after an id, in the order of ids. */
export interface BatchWalk {
  /** The last id of the page before. */
  after: string;
  limit: number;
  /** Younger batches are left out. */
  minAgeSeconds: number;
}

/** Batches that have not ended and are old enough. */
export async function unfinishedBatches(
  client: ClientBase,
  { after, limit, minAgeSeconds }: BatchWalk,
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from batchwright.batch
     where state in ('queued', 'running') and id > $1 and created_at < now() - make_interval(secs => $2)
     order by id limit $3`,
    [after, minAgeSeconds, limit],
  );
  return rows.map(({ id }) => id);
}

/** Ended batches that callers may see, youngest first, below an id. */
export async function endedBatches(
  client: ClientBase,
  { before, limit }: { before: string; limit: number },
): Promise<{ id: string; total: number }[]> {
  const { rows } = await client.query<{ id: string; total: number }>(
    `select id, total from batchwright.batch
     where id < $1 and state in ('completed', 'cancelled') and expires_at > now()
     order by id desc limit $2`,
    [before, limit],
  );
  return rows;
}

export type PendingCallback = Pick<BatchRow, 'id' | 'generation' | 'reposts'>;

/** Batches whose callback is pending and that ended long enough ago. */
export async function pendingCallbacks(
  client: ClientBase,
  { after, limit, minAgeSeconds }: BatchWalk,
): Promise<PendingCallback[]> {
  const { rows } = await client.query<PendingCallback>(
    `select id, generation, reposts from batchwright.batch
     where callback_state = 'pending' and id > $1 and finished_at < now() - make_interval(secs => $2)
     order by id limit $3`,
    [after, minAgeSeconds, limit],
  );
  return rows;
}

/**
 * Deletes up to `limit` batches, with all their data, that expired at least two days ago. Until then their
 * whole day is likely to be dropped, which costs almost nothing. Returns the number deleted. Call it in a
 * transaction, so that all or nothing is deleted.
 */
export async function deleteExpired(client: ClientBase, limit: number): Promise<number> {
  const found = await client.query<{ id: string }>(
    `select id from batchwright.batch where ${EXPIRED_LONG_AGO} order by expires_at limit $1`,
    [limit],
  );
  if (found.rows.length === 0) return 0;
  // The condition is repeated because a restart may have come between.
  const deleted = await client.query<{ id: string }>(
    `delete from batchwright.batch where id = any($1) and ${EXPIRED_LONG_AGO} returning id`,
    [found.rows.map(({ id }) => id)],
  );
  const ids = deleted.rows.map(({ id }) => id);
  for (const table of ['result', 'chunk', ...UNDIVIDED_TABLES])
    await client.query(`delete from batchwright.${table} where batch_id = any($1)`, [ids]);
  return ids.length;
}

const EXPIRED_LONG_AGO = `expires_at < now() - interval '2 days' and state in ('completed', 'cancelled')`;
