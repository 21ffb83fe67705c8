/** Sets the counters of batches from their results. */
import type { ClientBase } from 'pg';
import { SETTLE_COLUMNS, type SettleAnswer } from './settle-columns.ts';

/**
 * Sets the counters from the results and ends the batch if they are complete. For batches that were stored
 * without a job to run, and for the sweep. Returns the same as `settle`; null when the batch is gone or has
 * already ended.
 */
export async function recount(client: ClientBase, batchId: string): Promise<SettleAnswer | null> {
  // Locks in a statement of its own, so that the snapshot of the count is newer than every settle.
  await client.query('select from batchwright.batch where id = $1 for update', [batchId]);
  const { rows } = await client.query<SettleAnswer>(
    `${TALLY}
     update batchwright.batch
     set succeeded = tally.succeeded, failed = tally.failed, cancelled = tally.cancelled,
         skipped = tally.skipped, started_at = least(batch.started_at, tally.begun_at),
         finished_at = case when tally.recorded = batch.total then tally.at end,
         state = case when tally.recorded < batch.total then batch.state
                      when batch.cancel_requested and (batch.stopped_by is null or tally.cancelled > 0) then 'cancelled'
                      else 'completed' end,
         callback_state = case when tally.recorded = batch.total and batch.callback_url is not null
                                 and not (batch.callback_on_failure and tally.succeeded = batch.total)
                               then 'pending' else batch.callback_state end
     from tally
     where batch.id = $1 and batch.state in ('queued', 'running')
     returning tally.recorded as inserted, ${SETTLE_COLUMNS}, tally.recorded = batch.total as finished`,
    [batchId],
  );
  return rows[0] ?? null;
}

const TALLY = `with tally as (
    select count(*) filter (where status = 'succeeded')::int as succeeded,
           count(*) filter (where status = 'failed')::int as failed,
           count(*) filter (where status = 'cancelled')::int as cancelled,
           count(*) filter (where status = 'skipped')::int as skipped,
           count(*)::int as recorded,
           min(started_at) as begun_at,
           statement_timestamp() as at
    from batchwright.result where batch_id = $1
  )`;

/** The same for the counters of an ended batch; everything else stays. */
export async function recountEnded(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `${TALLY}
     update batchwright.batch
     set succeeded = tally.succeeded, failed = tally.failed, cancelled = tally.cancelled,
       skipped = tally.skipped
     from tally where batch.id = $1 and batch.state in ('completed', 'cancelled')`,
    [batchId],
  );
}
