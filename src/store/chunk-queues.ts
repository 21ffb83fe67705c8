import type { ClientBase } from 'pg';

/** The chunk's jobs that have no result: the JSON text of each, as it was sent. */
export async function openJobs(client: ClientBase, batchId: string, number: number): Promise<string[]> {
  const { rows } = await client.query<{ job: string }>(
    `select job from batchwright.chunk, json_array_elements(jobs) with ordinality as element (job, position)
     where batch_id = $1 and number = $2 and not exists (
       select from batchwright.result where result.batch_id = $1 and result.index = first_index + position - 1)`,
    [batchId, number],
  );
  return rows.map(({ job }) => job);
}

/** From now on the chunk has a message in each of these queues. */
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
