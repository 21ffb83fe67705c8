/** Batches that callers have deleted: nobody sees them any more, and their rows are deleted piece by piece. */
import type { ClientBase, Pool } from 'pg';
import { UNDIVIDED_TABLES } from './batch-tables.ts';
import type { BatchRow } from './batches.ts';

/** The mark of a deleted batch: it has expired long ago, for every process of this release and of the one before. */
const DELETED_AT = `'epoch'`;

/**
 * Marks an ended batch as deleted. Its callback is not sent any more, and its Idempotency-Key is free. The new
 * generation ends what is under way for it.
 */
export async function markDeleted(client: ClientBase, batchId: string): Promise<void> {
  await client.query(
    `update batchwright.batch
     set expires_at = ${DELETED_AT}, generation = generation + 1, idempotency_key = null, idempotency_digest = null,
       callback_headers = null,
       callback_state = case when callback_state = 'pending' then 'superseded'::batchwright.callback_state
                             else callback_state end
     where id = $1`,
    [batchId],
  );
}

/** False when the batch was deleted: its rows may be gone, one after another. */
export async function isKept(client: ClientBase | Pool, batchId: string): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'is-kept',
    text: `select from batchwright.batch where id = $1 and expires_at <> ${DELETED_AT}`,
    values: [batchId],
  });
  return rowCount === 1;
}

/** Some of the deleted batches that still have rows. */
export async function deletedBatches(
  client: ClientBase | Pool,
  limit: number,
): Promise<Pick<BatchRow, 'id' | 'total'>[]> {
  const { rows } = await client.query<Pick<BatchRow, 'id' | 'total'>>(
    `select id, total from batchwright.batch
     where expires_at = ${DELETED_AT} and state in ('completed', 'cancelled') limit $1`,
    [limit],
  );
  return rows;
}

/** Deletes the results of a range of indexes, and the chunks that begin in it. */
export async function deleteJobs(
  client: ClientBase,
  batchId: string,
  { from, end }: { from: number; end: number },
): Promise<void> {
  await client.query('delete from batchwright.result where batch_id = $1 and index >= $2 and index < $3', [
    batchId,
    from,
    end,
  ]);
  await client.query(
    'delete from batchwright.chunk where batch_id = $1 and first_index >= $2 and first_index < $3',
    [batchId, from, end],
  );
}

/** Deletes what is left of a batch whose jobs are deleted. */
export async function deleteBatchRow(client: ClientBase, batchId: string): Promise<void> {
  for (const table of UNDIVIDED_TABLES)
    await client.query(`delete from batchwright.${table} where batch_id = $1`, [batchId]);
  await client.query('delete from batchwright.batch where id = $1', [batchId]);
}
