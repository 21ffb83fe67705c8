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

/** The live chunk messages of these batches: which chunk, for which of `queues`. */
export async function liveChunks(
  client: ClientBase,
  queues: readonly string[],
  batchIds: readonly string[],
): Promise<{ batchId: string; chunk: number; queue: string }[]> {
  const { rows } = await client.query<{ batchId: string; chunk: number; name: string }>(
    `select group_id as "batchId", (data->>'chunk')::int as chunk, name from pgboss.job
     where name = any($1) and state <= 'active' and group_id = any($2)`,
    [queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]), batchIds],
  );
  return rows.map(({ batchId, chunk, name }) => ({
    batchId,
    chunk,
    queue: name.slice(name.indexOf('.') + 1),
  }));
}

/** The callbacks of these batches of which a message is waiting or being worked on. */
export async function queuedCallbacks(
  client: ClientBase,
  batchIds: readonly string[],
): Promise<{ batchId: string; generation: number; reposts: number }[]> {
  const { rows } = await client.query<{ batchId: string; generation: number; reposts: number }>(
    `select data->>'batch' as "batchId", (data->>'generation')::int as generation,
       coalesce((data->>'reposts')::int, 0) as reposts
     from pgboss.job
     where name = '${CALLBACK_QUEUE}' and state <= 'active' and data->>'batch' = any($1)`,
    [batchIds],
  );
  return rows;
}

/** Makes the batch's delayed messages due at once, so that a cancel need not wait for a retry's delay. */
export async function hasten(client: ClientBase, queues: readonly string[], batchId: string): Promise<void> {
  await client.query(
    `update pgboss.job set start_after = now()
     where name = any($1) and state < 'active' and group_id = $2 and start_after > now()`,
    [queues.map(chunkQueue), batchId],
  );
}
