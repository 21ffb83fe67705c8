import type { ClientBase } from 'pg';

/** Sets the queues in which the chunk has messages. */
export async function setChunkQueues(
  client: ClientBase,
  batchId: string,
  number: number,
  queues: readonly string[],
): Promise<void> {
  await client.query('update batchwright.chunk set queues = $3 where batch_id = $1 and number = $2', [
    batchId,
    number,
    queues,
  ]);
}
