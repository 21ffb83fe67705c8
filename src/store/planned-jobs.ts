/** Loads jobs that waited for others: some of several chunks. */
import type { Pool } from 'pg';
import { decodeJobs, type StoredBody } from './chunk-body.ts';
import type { LoadedChunk } from './chunks.ts';

/** The batch of a message, and which of its jobs have a result; undefined when the batch was deleted. */
export async function loadBatchOfJobs(
  pool: Pool,
  batchId: string,
  indexes: readonly number[],
): Promise<Omit<LoadedChunk, 'jobs' | 'firstIndex'> | undefined> {
  const { rows } = await pool.query<Omit<LoadedChunk, 'jobs' | 'firstIndex'>>({
    name: 'load-batch-of-jobs',
    text: `select tenant, state, generation, cancel_requested as "cancelRequested", options,
       trace_context as "traceContext",
       array(select index from batchwright.result where batch_id = $1 and index = any($2)) as recorded,
       floor(extract(epoch from now()) * 1000)::int8 as "readAt"
     from batchwright.batch where id = $1`,
    values: [batchId, `{${indexes.join(',')}}`],
  });
  return rows[0];
}

/** The jobs of these chunks as JSON text of an array each. */
export async function loadJobTexts(
  pool: Pool,
  batchId: string,
  numbers: readonly number[],
): Promise<{ number: number; firstIndex: number; jobs: string }[]> {
  const { rows } = await pool.query<StoredBody & { number: number; firstIndex: number }>({
    name: 'load-job-texts',
    text: `select number, first_index as "firstIndex", body, jobs as text from batchwright.chunk
     where batch_id = $1 and number = any($2)`,
    values: [batchId, numbers],
  });
  return Promise.all(
    rows.map(async ({ number, firstIndex, body, text }) => ({
      number,
      firstIndex,
      jobs: await decodeJobs({ body, text }),
    })),
  );
}
