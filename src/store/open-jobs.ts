/** Finds the jobs of a batch that have no result, chunk by chunk. */
import type { Pool } from 'pg';
import { unpackCounts } from '../domain/plan/counts.ts';
import { decodeJobs, type StoredBody } from './chunk-body.ts';
import { isRunning, type JobProgress } from './job-progress.ts';

export type OpenStatus = 'pending' | 'waiting' | 'running';

/** A chunk that has jobs without a result. */
export interface OpenChunk {
  firstIndex: number;
  count: number;
  /** JSON text of an array: the jobs as they were sent. */
  jobs: string;
  /** Indexes that have a result. */
  recorded: number[];
  running: JobProgress[];
  /** For each job, how many others it waits for; null when none of them waits. */
  pending: Uint16Array | null;
}

/** Chunks that one statement looks at: their results are counted in the index, 4,000 jobs in some 0.5 ms. */
const MAX_LOOKED_AT = 100;

/**
 * The first chunk that has open jobs, among the next 100 from the one with the job `fromIndex` on. `lookedTo` is the index
 * behind those that were looked at.
 *
 * @param status null for any; a chunk is found when one of its jobs may have it
 */
export async function openChunkFrom(
  pool: Pool,
  batchId: string,
  fromIndex: number,
  status: OpenStatus | null,
): Promise<{ chunk: OpenChunk | null; lookedTo: number | null }> {
  const { rows } = await pool.query<FoundRow>({
    name: `open-chunk-${status}`,
    text: openChunk(status),
    values: [batchId, fromIndex],
  });
  const { firstIndex, count, body, text, recorded, running, pending, lookedTo } = rows[0] as FoundRow;
  if (firstIndex === null) return { chunk: null, lookedTo };
  const jobs = await decodeJobs({ body, text });
  const unmet = pending && unpackCounts(pending, count);
  return {
    chunk: { firstIndex, count, jobs, recorded, running: JSON.parse(running), pending: unmet },
    lookedTo,
  };
}

interface FoundRow extends StoredBody {
  firstIndex: number | null;
  count: number;
  recorded: number[];
  /** JSON text. */
  running: string;
  pending: Buffer | null;
  lookedTo: number | null;
}

/** SQL: a job of the chunk may have the status. */
const HAS_STATUS: Record<OpenStatus, string> = {
  running: `exists (select from batchwright.job_progress
    where batch_id = $1 and index >= first_index and index < first_index + count and ${isRunning})`,
  waiting: `exists (select from batchwright.plan_chunk
    where batch_id = $1 and plan_chunk.number = looked.number and waiting > 0)`,
  pending: 'true',
};

const openChunk = (status: OpenStatus | null): string => `
  with looked as (
    select number, first_index, count from batchwright.chunk
    where batch_id = $1 and first_index + count > $2 order by number limit ${MAX_LOOKED_AT}
  ), found as (
    select number from looked
    where ${status === null ? 'true' : HAS_STATUS[status]} and count > (
      select count(*) from batchwright.result
      where batch_id = $1 and result.index >= first_index and result.index < first_index + looked.count)
    order by number limit 1
  ), wanted as (
    select number, first_index, count, body, jobs,
      array(select index from batchwright.result
            where batch_id = $1 and index >= first_index and index < first_index + chunk.count) as recorded,
      coalesce((select json_agg(json_build_object('index', index, 'done', done, 'total', total))
        from batchwright.job_progress
        where batch_id = $1 and index >= first_index and index < first_index + chunk.count
          and ${isRunning}), '[]') as running
    from batchwright.chunk where batch_id = $1 and number = (select number from found)
  ), plan as (
    select pending from batchwright.plan_chunk where batch_id = $1 and number = (select number from found)
  ), ends as (
    select max(first_index + count) as index from looked
  )
  select wanted.first_index as "firstIndex", wanted.count, wanted.body, wanted.jobs as text, wanted.recorded,
    wanted.running, plan.pending, ends.index as "lookedTo"
  from ends left join wanted on true left join plan on true`;
