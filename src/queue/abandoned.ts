import type { ClientBase } from 'pg';
import { chunkQueue, quarantineQueue } from './messages.ts';

/** Deletes the batch's chunk messages that wait in these queues. */
export async function deleteWaiting(
  client: ClientBase,
  queues: readonly string[],
  batchId: string,
): Promise<void> {
  await client.query(`delete from pgboss.job where name = any($1) and state < 'active' and group_id = $2`, [
    queues.flatMap((queue) => [chunkQueue(queue), quarantineQueue(queue)]),
    batchId,
  ]);
}
