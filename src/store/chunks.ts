import type { ClientBase, Pool } from 'pg';
import type { BatchState } from '../domain/batch.ts';
import { IS_HELD } from './batches.ts';
import { decodeJobs, type StoredBody } from './chunk-body.ts';

/** How many chunks of the batch are stored. */
export async function countChunks(client: ClientBase, batchId: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*) as count from batchwright.chunk where batch_id = $1',
    [batchId],
  );
  return rows[0]?.count ?? 0;
}

/** The numbers of a batch's chunks that are not there, of so many. */
export async function missingChunks(client: ClientBase, batchId: string, count: number): Promise<number[]> {
  const { rows } = await client.query<{ number: number }>(
    `select number from generate_series(0, $2::int - 1) as number
     where number <> all (array(select chunk.number from batchwright.chunk where batch_id = $1)) order by number`,
    [batchId, count],
  );
  return rows.map(({ number }) => number);
}

/** Deletes the stored chunks of a batch that was given up. */
export async function deleteChunks(client: ClientBase, batchId: string): Promise<void> {
  await client.query('delete from batchwright.chunk where batch_id = $1', [batchId]);
}

/** A chunk loaded by a lane. */
export interface LoadedChunk {
  firstIndex: number;
  /** JSON text: the array of jobs as they were sent. */
  jobs: string;
  /** By index: the JSON texts of the jobs that are meant, in place of `jobs`, when they come from several chunks. */
  texts?: ReadonlyMap<number, string>;
  /** By index, of those that get values from others' responses: for each place of `bind`, the index of the other. */
  sources?: ReadonlyMap<number, Int32Array>;
  tenant: string;
  state: BatchState;
  /** The number of jobs in the batch; absent when they do not depend on each other. */
  total?: number;
  generation: number;
  cancelRequested: boolean;
  /** No job may start for now. */
  isHeld: boolean;
  /** JSON text: the options of the batch. */
  options: string;
  /** JSON text: the headers of the trace that stored the batch; null when it was not traced. */
  traceContext: string | null;
  /** Indexes that already have a result. */
  recorded: number[];
  /** When the database read this, in ms since 1970 by the database's clock. */
  readAt: number;
  /** When this process asked for it, by `performance.now()`. */
  askedAt: number;
}

/** Loads chunks, in the order of the arguments; undefined for a batch that was deleted meanwhile. */
export async function loadChunks(
  pool: Pool,
  chunks: readonly { batchId: string; number: number }[],
): Promise<(LoadedChunk | undefined)[]> {
  const askedAt = performance.now();
  const { rows } = await pool.query<LoadedRow & { position: number }>({
    name: 'load-chunks',
    text: `select loaded.*, wanted.position
     from unnest($1::uuid[], $2::int[]) with ordinality as wanted (batch_id, number, position)
     cross join lateral (${LOAD_CHUNK('wanted.batch_id', 'wanted.number')} limit 1) as loaded`,
    values: [`{${chunks.map(({ batchId }) => batchId).join(',')}}`, chunks.map(({ number }) => number)],
  });
  const loaded: LoadedChunk[] = [];
  await Promise.all(
    rows.map(async ({ position, ...row }) => {
      loaded[position - 1] = { ...(await withJobs(row)), askedAt };
    }),
  );
  return chunks.map((_, at) => loaded[at]);
}

/** The same for one chunk; null when the batch was deleted meanwhile. */
export async function loadChunk(
  client: ClientBase | Pool,
  batchId: string,
  number: number,
): Promise<LoadedChunk | null> {
  const askedAt = performance.now();
  const { rows } = await client.query<LoadedRow>({
    name: 'load-chunk',
    text: LOAD_CHUNK('$1', '$2'),
    values: [batchId, number],
  });
  return rows[0] ? { ...(await withJobs(rows[0])), askedAt } : null;
}

type LoadedRow = Omit<LoadedChunk, 'jobs' | 'askedAt'> & StoredBody;

async function withJobs<Row extends StoredBody>({
  body,
  text,
  ...row
}: Row): Promise<Omit<Row, keyof StoredBody> & { jobs: string }> {
  return { ...row, jobs: await decodeJobs({ body, text }) };
}

const LOAD_CHUNK = (batchId: string, number: string) => `
  select chunk.first_index as "firstIndex", chunk.body, chunk.jobs as text, batch.tenant, batch.state,
    batch.generation, batch.cancel_requested as "cancelRequested", ${IS_HELD} as "isHeld",
    batch.options, batch.trace_context as "traceContext",
    array(select result.index from batchwright.result
          where result.batch_id = ${batchId} and result.index >= chunk.first_index
            and result.index < chunk.first_index + chunk.count) as recorded,
    floor(extract(epoch from now()) * 1000)::int8 as "readAt"
  from batchwright.chunk join batchwright.batch on batch.id = chunk.batch_id
  where chunk.batch_id = ${batchId} and chunk.number = ${number}`;

/** A chunk that lacks results of jobs that wait for no other job. */
export interface IncompleteChunk {
  batchId: string;
  number: number;
  queues: string[];
  /** Jobs of it wait for others, or others for them. */
  isPlanned: boolean;
}

/** Those chunks of these batches. */
export async function incompleteChunks(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<IncompleteChunk[]> {
  const { rows } = await client.query<IncompleteChunk>(
    `select chunk.batch_id as "batchId", chunk.number, queues, plan_chunk.number is not null as "isPlanned"
     from batchwright.chunk
     left join batchwright.plan_chunk on plan_chunk.batch_id = chunk.batch_id and plan_chunk.number = chunk.number
     where chunk.batch_id = any($1) and count - coalesce(plan_chunk.waiting, 0) > (
       select count(*) from batchwright.result
       where result.batch_id = chunk.batch_id and result.index >= chunk.first_index
         and result.index < chunk.first_index + chunk.count)
     order by chunk.batch_id, chunk.number`,
    [batchIds],
  );
  return rows;
}

/** A chunk's jobs as they were sent. */
export interface StoredJobs {
  number: number;
  firstIndex: number;
  count: number;
  /** Indexes of jobs that were refused under skipInvalid. */
  refused: number[];
  /** JSON text: the array of jobs. */
  jobs: string;
}

/** The batch's first chunk whose number is at least this; null when there is none. */
export async function jobsFrom(pool: Pool, batchId: string, number: number): Promise<StoredJobs | null> {
  const { rows } = await pool.query<Omit<StoredJobs, 'jobs'> & StoredBody>(
    `select ${STORED_JOBS}
     from batchwright.chunk where batch_id = $1 and number >= $2 order by number limit 1`,
    [batchId, number],
  );
  return rows[0] ? withJobs(rows[0]) : null;
}

/** The batch's chunk with this job; null when it was deleted. */
export async function jobsAround(pool: Pool, batchId: string, index: number): Promise<StoredJobs | null> {
  const { rows } = await pool.query<Omit<StoredJobs, 'jobs'> & StoredBody>({
    name: 'jobs-around',
    text: `select ${STORED_JOBS} from batchwright.chunk
     where batch_id = $1 and first_index <= $2 and first_index + count > $2 order by number limit 1`,
    values: [batchId, index],
  });
  return rows[0] ? withJobs(rows[0]) : null;
}

const STORED_JOBS = `number, first_index as "firstIndex", count, coalesce(invalid_indexes, '{}') as refused, body,
  jobs as text`;
