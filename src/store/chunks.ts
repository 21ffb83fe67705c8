import type { ClientBase, Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BatchState } from '../domain/batch.ts';

/** A closed chunk, about to be stored. */
export interface NewChunk {
  number: number;
  firstIndex: number;
  count: number;
  queues: string[];
  /** Of each queue the action of all its jobs; null where they are of several. Not stored. */
  actions: (string | null)[];
  /** Jobs refused under skipInvalid: index in the batch and the error object as JSON text. */
  invalid: { index: number; error: string }[];
  /** The jobs' own bytes, and how many they are. */
  jobs: Buffer[];
  bytes: number;
}

/** Stores one chunk with an insert: cheaper than COPY for a batch that has no other, unless it is large. */
export async function insertChunk(client: ClientBase, batchId: string, chunk: NewChunk): Promise<void> {
  const { indexes, errors } = invalidColumns(chunk);
  await client.query({
    name: 'insert-chunk',
    text: `insert into batchwright.chunk
       (batch_id, number, first_index, count, queues, invalid_indexes, invalid_errors, jobs)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      batchId,
      chunk.number,
      chunk.firstIndex,
      chunk.count,
      chunk.queues,
      indexes,
      errors,
      Buffer.concat(jobsArray(chunk)).toString(),
    ],
  });
}

/** Stores chunks with one binary COPY: no escaping, the callers' bytes pass as they came. */
export async function copyChunks(
  client: ClientBase,
  batchId: string,
  chunks: readonly NewChunk[],
): Promise<void> {
  const stream = client.query(
    copyFrom(
      `copy batchwright.chunk (batch_id, number, first_index, count, queues, invalid_indexes, invalid_errors, jobs)
       from stdin (format binary)`,
    ),
  );
  const closed = new Promise<void>((resolve, reject) => {
    stream.once('finish', resolve);
    // For good: a lost connection fails more than once, and an error that nobody hears ends the process.
    stream.on('error', reject);
  });
  closed.catch(() => {}); // thrown by whatever is awaited when it comes

  // One piece at a time: what the stream still held when the connection failed would bring it down.
  async function send(bytes: Buffer): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([sent, closed]);
  }

  await send(COPY_HEADER);
  const id = Buffer.from(batchId.replaceAll('-', ''), 'hex');
  for (const chunk of chunks) {
    const row = copyRow(id, chunk);
    // A large job is alone in its chunk: its bytes are passed on rather than copied.
    for (const piece of chunk.jobs.length === 1 ? row : [Buffer.concat(row)]) await send(piece);
  }
  await send(COPY_TRAILER);
  stream.end();
  await closed;
}

// https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const COPY_TRAILER = Buffer.from([0xff, 0xff]);
const OPENING_BRACKET = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSING_BRACKET = Buffer.from(']');
const TEXT_OID = 25;
const INT4_OID = 23;

function copyRow(id: Buffer, chunk: NewChunk): Buffer[] {
  const { indexes, errors } = invalidColumns(chunk);
  const jobs = jobsArray(chunk);
  return [
    int16(8),
    field(id),
    field(int32(chunk.number)),
    field(int32(chunk.firstIndex)),
    field(int32(chunk.count)),
    field(
      array(
        TEXT_OID,
        chunk.queues.map((queue) => Buffer.from(queue)),
      ),
    ),
    field(indexes && array(INT4_OID, indexes.map(int32))),
    field(errors === null ? null : Buffer.from(errors)),
    int32(jobs.reduce((bytes, part) => bytes + part.length, 0)),
    ...jobs,
  ];
}

function field(value: Buffer | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);
}

/** One-dimensional, no nulls: dimensions, null flag, element type, length, lower bound, elements. */
function array(elementType: number, elements: Buffer[]): Buffer {
  if (elements.length === 0) return Buffer.concat([int32(0), int32(0), int32(elementType)]);
  return Buffer.concat([
    int32(1),
    int32(0),
    int32(elementType),
    int32(elements.length),
    int32(1),
    ...elements.map(field),
  ]);
}

function int16(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function invalidColumns({ invalid }: NewChunk): { indexes: number[] | null; errors: string | null } {
  if (invalid.length === 0) return { indexes: null, errors: null };
  return {
    indexes: invalid.map(({ index }) => index),
    errors: `[${invalid.map(({ error }) => error).join(',')}]`,
  };
}

function jobsArray({ jobs }: NewChunk): Buffer[] {
  const parts: Buffer[] = [OPENING_BRACKET];
  for (const [position, job] of jobs.entries()) {
    if (position > 0) parts.push(COMMA);
    parts.push(job);
  }
  parts.push(CLOSING_BRACKET);
  return parts;
}

/** How many chunks of the batch are stored. */
export async function countChunks(client: ClientBase, batchId: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*) as count from batchwright.chunk where batch_id = $1',
    [batchId],
  );
  return rows[0]?.count ?? 0;
}

/** Deletes what was stored of a batch that will not be. */
export async function deleteChunks(client: ClientBase, batchId: string): Promise<void> {
  await client.query('delete from batchwright.chunk where batch_id = $1', [batchId]);
}

/** A chunk as a lane works on it. */
export interface LoadedChunk {
  firstIndex: number;
  count: number;
  /** JSON text: the array of jobs as they were sent. */
  jobs: string;
  tenant: string;
  state: BatchState;
  generation: number;
  cancelRequested: boolean;
  /** Indexes that have their result already. */
  recorded: number[];
  /** When the database read this, in ms since 1970 by its own clock. */
  readAt: number;
}

/** Null when the batch has been deleted meanwhile. */
export async function loadChunk(pool: Pool, batchId: string, number: number): Promise<LoadedChunk | null> {
  const { rows } = await pool.query<LoadedChunk>({
    name: 'load-chunk',
    text: `select chunk.first_index as "firstIndex", chunk.count, chunk.jobs, batch.tenant, batch.state,
       batch.generation, batch.cancel_requested as "cancelRequested",
       array(select result.index from batchwright.result
             where result.batch_id = $1 and result.index >= chunk.first_index
               and result.index < chunk.first_index + chunk.count) as recorded,
       floor(extract(epoch from now()) * 1000)::int8 as "readAt"
     from batchwright.chunk join batchwright.batch on batch.id = chunk.batch_id
     where chunk.batch_id = $1 and chunk.number = $2`,
    values: [batchId, number],
  });
  return rows[0] ?? null;
}

/** The chunks of these batches that lack a result, each with its queues. */
export async function incompleteChunks(
  client: ClientBase | Pool,
  batchIds: readonly string[],
): Promise<{ batchId: string; number: number; queues: string[] }[]> {
  const { rows } = await client.query<{ batchId: string; number: number; queues: string[] }>(
    `select batch_id as "batchId", number, queues from batchwright.chunk
     where batch_id = any($1) and count > (
       select count(*) from batchwright.result
       where result.batch_id = chunk.batch_id and result.index >= chunk.first_index
         and result.index < chunk.first_index + chunk.count)
     order by batch_id, number`,
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
  const { rows } = await pool.query<StoredJobs>(
    `select number, first_index as "firstIndex", count, coalesce(invalid_indexes, '{}') as refused, jobs
     from batchwright.chunk where batch_id = $1 and number >= $2 order by number limit 1`,
    [batchId, number],
  );
  return rows[0] ?? null;
}
