/** Batches for which a time has come. All times are the database's. */
import type { ClientBase, Pool } from 'pg';
import { BATCH_COLUMNS, type BatchRow } from './batches.ts';

/** Batches that a worker must look at, the longest due first. */
export async function dueBatches(pool: Pool, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'due-batches',
    text: 'select id from batchwright.batch where due_at <= now() order by due_at limit $1',
    values: [limit],
  });
  return rows.map(({ id }) => id);
}

/** Which of its times have come. */
export interface DueBatch extends BatchRow {
  isStart: boolean;
  isDeadline: boolean;
}

/** The batch, locked until the transaction ends; null when another process has it, or has done it. */
export async function lockDueBatch(client: ClientBase, batchId: string): Promise<DueBatch | null> {
  const { rows } = await client.query<DueBatch>(
    `select ${BATCH_COLUMNS}, is_scheduled and start_at <= now() as "isStart",
       coalesce(deadline_at <= now(), false) as "isDeadline"
     from batchwright.batch where id = $1 and due_at <= now() for update skip locked`,
    [batchId],
  );
  return rows[0] ?? null;
}

/** Notes what was done: no worker looks at the batch again before its deadline. */
export async function saveLook(
  client: ClientBase,
  batchId: string,
  { isScheduled, isOver }: { isScheduled: boolean; isOver: boolean },
): Promise<void> {
  await client.query(
    `with next as (
       select id, case when not $3 and deadline_at > now() then deadline_at end as deadline,
         case when $2 then start_at end as start
       from batchwright.batch where id = $1
     )
     update batchwright.batch set is_scheduled = $2, due_at = least(next.start, next.deadline)
     from next where batch.id = next.id and batch.id = $1`,
    [batchId, isScheduled, isOver],
  );
}

/** Nothing more of the batch starts, for this reason. */
export async function stopBatch(client: ClientBase, batchId: string, stoppedBy: string): Promise<void> {
  await client.query(
    `update batchwright.batch set cancel_requested = true, paused = false, is_scheduled = false, stopped_by = $2
     where id = $1 and not cancel_requested`,
    [batchId, stoppedBy],
  );
}

/**
 * After a restart: the deadline begins again, failures until now do not count, and a time that has not come is waited
 * for. Returns whether it is.
 */
export async function reschedule(client: ClientBase, batchId: string): Promise<boolean> {
  const { rows } = await client.query<{ isScheduled: boolean }>(
    `with next as (
       select id, coalesce(start_at > now(), false) as is_scheduled, case when start_at > now() then start_at end as start,
         now() + deadline_seconds * interval '1 s' as deadline
       from batchwright.batch where id = $1
     )
     update batchwright.batch
     set is_scheduled = next.is_scheduled, deadline_at = next.deadline, due_at = least(next.start, next.deadline),
       stop_from_succeeded = succeeded, stop_from_failed = failed
     from next where batch.id = next.id and batch.id = $1
     returning batch.is_scheduled as "isScheduled"`,
    [batchId],
  );
  return rows[0]?.isScheduled ?? false;
}

/** Failures until now do not stop the batch. */
export async function forgiveFailures(client: ClientBase, batchId: string): Promise<void> {
  await client.query('update batchwright.batch set stop_from_failed = failed where id = $1', [batchId]);
}

/** Those of these batches whose time has not come. */
export async function scheduledAmong(client: ClientBase, batchIds: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    'select id from batchwright.batch where id = any($1) and is_scheduled',
    [batchIds],
  );
  return rows.map(({ id }) => id);
}

/** Why nothing of the batch starts any more; null when a caller has cancelled it. */
export async function stoppedByOf(pool: Pool, batchId: string): Promise<string | null> {
  const { rows } = await pool.query<{ stoppedBy: string | null }>(
    'select stopped_by as "stoppedBy" from batchwright.batch where id = $1',
    [batchId],
  );
  return rows[0]?.stoppedBy ?? null;
}
