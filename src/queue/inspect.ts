/** What the queue's own tables tell; the only statements that know pg-boss's columns. */
import type { ClientBase, Pool } from 'pg';
import { CALLBACK_QUEUE, chunkQueue, quarantineQueue } from './messages.ts';

/** True when messages of other batches wait for a lane of this queue. */
export async function othersWait(pool: Pool, queue: string, batchId: string): Promise<boolean> {
  const { rows } = await pool.query<{ waiting: boolean }>(
    `select exists (
       select from pgboss.job
       where name = $1 and state < 'active' and start_after <= now() and group_id <> $2
     ) as waiting`,
    [chunkQueue(queue), batchId],
  );
  return rows[0]?.waiting ?? false;
}

/** The live chunk messages of a batch: which chunk, for which of `queues`. */
export async function liveChunks(
  client: ClientBase | Pool,
  queues: readonly string[],
  batchId: string,
): Promise<{ chunk: number; queue: string }[]> {
  const { rows } = await client.query<{ chunk: number; name: string }>(
    `select (data->>'chunk')::int as chunk, name from pgboss.job
     where name = any($1) and state <= 'active' and group_id = $2`,
    [queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]), batchId],
  );
  return rows.map(({ chunk, name }) => ({ chunk, queue: name.slice(name.indexOf('.') + 1) }));
}

/** True when a message to deliver the callback of this completion is waiting or being worked on. */
export async function callbackIsQueued(
  client: ClientBase,
  batchId: string,
  generation: number,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pgboss.job
     where name = $1 and state <= 'active' and data->>'batch' = $2 and (data->>'generation')::int = $3
     limit 1`,
    [CALLBACK_QUEUE, batchId, generation],
  );
  return rowCount === 1;
}

/** Makes the batch's delayed messages due at once, so that a cancel need not wait for a retry's delay. */
export async function hasten(client: ClientBase, queues: readonly string[], batchId: string): Promise<void> {
  await client.query(
    `update pgboss.job set start_after = now()
     where name = any($1) and state < 'active' and group_id = $2 and start_after > now()`,
    [queues.map(chunkQueue), batchId],
  );
}
