/** Queries on the queue's own tables. */
import type { ClientBase, Pool } from 'pg';
import { CALLBACK_QUEUE, chunkQueue, quarantineQueue } from './messages.ts';

/** The live chunk messages of these batches in `queues`: chunk and queue of each. */
export async function queuedChunks(
  client: ClientBase,
  queues: readonly string[],
  batchIds: readonly string[],
): Promise<{ batchId: string; chunk: number; queue: string }[]> {
  const { rows } = await client.query<{ batchId: string; chunk: number; name: string }>(
    `select group_id as "batchId", chunk::int, name
     from pgboss.job cross join lateral jsonb_array_elements(coalesce(data->'chunks', jsonb_build_array(data->'chunk'))) as chunk
     where name = any($1) and state <= 'active' and group_id = any($2)`,
    [queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]), batchIds],
  );
  return rows.map(({ batchId, chunk, name }) => ({
    batchId,
    chunk,
    queue: name.slice(name.indexOf('.') + 1),
  }));
}

/**
 * The live message for a job: the number of the run that it asks for, and when it is due if it waits for a time. Null for a
 * job that no message names.
 */
export async function messageOfJob(
  pool: Pool,
  queues: readonly string[],
  job: { batchId: string; chunk: number; index: number },
): Promise<{ attempt: number; dueAt: Date | null } | null> {
  const { rows } = await pool.query<{ attempt: number; dueAt: Date | null }>(
    `select (data->>'attempt')::int as attempt,
       case when state < 'active' and start_after > now() then start_after end as "dueAt"
     from pgboss.job
     where name = any($1) and state <= 'active' and group_id = $2
       and ((data->>'chunk')::int = $3 or data->'chunks' @> to_jsonb($3::int))
       and (data->'indexes' is null or data->'indexes' @> to_jsonb($4::int))
     order by attempt desc limit 1`,
    [
      queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]),
      job.batchId,
      job.chunk,
      job.index,
    ],
  );
  return rows[0] ?? null;
}

/** The callbacks of these batches that have a waiting or claimed message. */
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

/**
 * Makes the batch's waiting messages due at once, for any free lane: jobs to be cancelled need not wait for a
 * retry delay or a limit or, because the action's name is removed, for a slot.
 */
export async function makeDueNow(
  client: ClientBase,
  queues: readonly string[],
  batchId: string,
): Promise<void> {
  await client.query(
    `update pgboss.job set start_after = least(start_after, now()), data = data - 'action' - 'bucket',
       blocked = false
     where name = any($1) and state < 'active' and group_id = $2`,
    [queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]), batchId],
  );
}
