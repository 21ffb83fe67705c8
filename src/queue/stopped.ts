/**
 * Messages of batches none of whose jobs may start: they are `blocked`, and name no bucket. Neither a lane fetches them
 * nor a process that has permits of a limit.
 */
import type { ClientBase } from 'pg';
import { chunkQueue, quarantineQueue } from './messages.ts';
import { notifyOf } from './notify.ts';

const namesOf = (queues: readonly string[]) =>
  queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]);

/** Takes the batch's waiting messages out of reach. Those in hand are returned by their lanes. */
export async function stopMessages(
  client: ClientBase,
  queues: readonly string[],
  batchId: string,
): Promise<void> {
  await client.query(
    `update pgboss.job set blocked = true, data = data - 'bucket'
     where name = any($1) and state < 'active' and group_id = $2 and (not blocked or data ? 'bucket')`,
    [namesOf(queues), batchId],
  );
}

/** The opposite. Jobs that wait for a limit are held by it again when a lane has looked at them. */
export async function startMessages(
  client: ClientBase,
  queues: readonly string[],
  batchId: string,
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `with started as (
       update pgboss.job set blocked = false
       where name = any($1) and state < 'active' and group_id = $2 and blocked and not data ? 'bucket'
       returning name
     )
     select distinct name from started`,
    [namesOf(queues), batchId],
  );
  for (const { name } of rows) await notifyOf(client, name);
}
