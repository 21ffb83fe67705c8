/** Loads jobs that waited for others: some of several chunks. */
import type { Pool } from 'pg';
import { decodeGraph } from '../domain/plan/chunk-graph.ts';
import type { Lists } from '../domain/plan/edge.ts';
import { IS_HELD } from './batches.ts';
import { decodeJobs, type StoredBody } from './chunk-body.ts';
import type { LoadedChunk } from './chunks.ts';

/** The batch of a message, and which of its jobs have a result; undefined when the batch was deleted. */
export async function loadBatchOfJobs(
  pool: Pool,
  batchId: string,
  indexes: readonly number[],
): Promise<Omit<LoadedChunk, 'jobs' | 'firstIndex'> | undefined> {
  const askedAt = performance.now();
  const { rows } = await pool.query<Omit<LoadedChunk, 'jobs' | 'firstIndex' | 'askedAt'>>({
    name: 'load-batch-of-jobs',
    text: `select tenant, state, total, generation, cancel_requested as "cancelRequested", ${IS_HELD} as "isHeld", options,
       trace_context as "traceContext",
       array(select index from batchwright.result where batch_id = $1 and index = any($2)) as recorded,
       floor(extract(epoch from now()) * 1000)::int8 as "readAt"
     from batchwright.batch where id = $1`,
    values: [batchId, `{${indexes.join(',')}}`],
  });
  return rows[0] && { ...rows[0], askedAt };
}

/** A chunk of a planned batch. */
export interface PlannedChunk {
  number: number;
  firstIndex: number;
  /** JSON text of an array: the jobs as they were sent. */
  jobs: string;
  /** For each job the indexes of the jobs whose responses it gets; null when it is none of any. */
  sources: Lists | null;
}

/** These chunks of the batch, in any order. */
export async function loadPlannedChunks(
  pool: Pool,
  batchId: string,
  numbers: readonly number[],
): Promise<PlannedChunk[]> {
  const { rows } = await pool.query<
    StoredBody & { number: number; firstIndex: number; count: number; graph: Buffer | null }
  >({
    name: 'load-planned-chunks',
    text: `select chunk.number, first_index as "firstIndex", count, body, jobs as text, graph
     from batchwright.chunk
     left join batchwright.plan_chunk on plan_chunk.batch_id = chunk.batch_id and plan_chunk.number = chunk.number
     where chunk.batch_id = $1 and chunk.number = any($2)`,
    values: [batchId, numbers],
  });
  return Promise.all(
    rows.map(async ({ number, firstIndex, count, body, text, graph }) => ({
      number,
      firstIndex,
      jobs: await decodeJobs({ body, text }),
      sources: graph && decodeGraph(graph, count).sources,
    })),
  );
}

/**
 * The responses of these jobs as JSON text, in the order of the indexes: those that begin within the first `maxBytes`, at
 * least one. A job without a result has none.
 */
export async function loadResponses(
  pool: Pool,
  batchId: string,
  indexes: readonly number[],
  maxBytes: number,
): Promise<{ index: number; response: string }[]> {
  const { rows } = await pool.query<{ index: number; response: string }>({
    name: 'load-responses',
    text: `with wanted as (
       select result.index, coalesce(result.response::text, 'null') as response, wanted.place
       from unnest($2::int[]) with ordinality as wanted (index, place)
       join batchwright.result on result.batch_id = $1 and result.index = wanted.index
     ), sized as (
       select *, sum(octet_length(response)) over (order by place rows unbounded preceding) - octet_length(response) as before
       from wanted
     )
     select index, response from sized where before < $3 order by place`,
    values: [batchId, `{${indexes.join(',')}}`, maxBytes],
  });
  return rows;
}
