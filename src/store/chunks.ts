import type { ClientBase, Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BatchState } from '../domain/batch.ts';
import { decodeJobs, encodeJobs, type StoredBody } from './chunk-body.ts';
import {
  COPY_HEADER,
  COPY_TRAILER,
  columnCount,
  field,
  int32,
  int32Array,
  textArray,
} from './copy-format.ts';

/** A closed chunk, ready to be stored. */
export interface NewChunk {
  number: number;
  firstIndex: number;
  count: number;
  queues: string[];
  /** For each queue the action of all its jobs; null when they have several. Not stored. */
  actions: (string | null)[];
  /** Jobs refused under skipInvalid: index in the batch, and the error object as JSON text. */
  invalid: { index: number; error: string }[];
  /** The original bytes of the jobs, and their total size. */
  jobs: Buffer[];
  bytes: number;
}

/** A closed chunk as it is stored. */
export interface EncodedChunk extends Omit<NewChunk, 'jobs'> {
  body: Buffer;
}

/** Call it before the transaction that stores the chunk: compression takes time. */
export async function encodeChunk({ jobs, ...chunk }: NewChunk): Promise<EncodedChunk> {
  return { ...chunk, body: await encodeJobs(jobs) };
}

/**
 * Stores chunks with one insert. This is cheaper than COPY for a few small ones, each of a different batch.
 */
export async function insertChunks(
  client: ClientBase,
  chunks: readonly { batchId: string; chunk: EncodedChunk }[],
): Promise<void> {
  // The callers' text is sent as bytes and split on the server: json_to_recordset refuses text with \u0000.
  const pieces: Buffer[] = [];
  let end = 0;
  function range(bytes: Buffer): [from: number, length: number] {
    pieces.push(bytes);
    end += bytes.length;
    return [end - bytes.length + 1, bytes.length];
  }
  const rows = chunks.map(({ batchId, chunk }) => {
    const { indexes, errors } = invalidColumns(chunk);
    const [bodyFrom, bodyLength] = range(chunk.body);
    const [errorsFrom, errorsLength] = errors === null ? [] : range(Buffer.from(errors));
    const { number, firstIndex, count, queues } = chunk;
    return {
      batchId,
      number,
      firstIndex,
      count,
      queues,
      indexes,
      bodyFrom,
      bodyLength,
      errorsFrom,
      errorsLength,
    };
  });
  await client.query({
    name: 'insert-chunks',
    text: `insert into batchwright.chunk
       (batch_id, number, first_index, count, queues, invalid_indexes, invalid_errors, body)
     select "batchId", number, "firstIndex", count, array(select json_array_elements_text(queues)),
       case when indexes is not null then array(select json_array_elements_text(indexes)::int) end,
       convert_from(substring($2::bytea from "errorsFrom" for "errorsLength"), 'UTF8')::json,
       substring($2::bytea from "bodyFrom" for "bodyLength")
     from json_to_recordset($1) as chunk ("batchId" uuid, number int, "firstIndex" int, count int, queues json,
       indexes json, "bodyFrom" int, "bodyLength" int, "errorsFrom" int, "errorsLength" int)`,
    values: [JSON.stringify(rows), Buffer.concat(pieces)],
  });
}

/** Stores chunks with one binary COPY: the callers' bytes are sent unchanged, without escaping. */
export async function copyChunks(
  client: ClientBase,
  batchId: string,
  chunks: readonly EncodedChunk[],
): Promise<void> {
  const stream = client.query(
    copyFrom(
      `copy batchwright.chunk (batch_id, number, first_index, count, queues, invalid_indexes, invalid_errors, body)
       from stdin (format binary)`,
    ),
  );
  const closed = new Promise<void>((resolve, reject) => {
    stream.once('finish', resolve);
    // Stays attached: a lost connection fails more than once, and an unhandled error event ends the process.
    stream.on('error', reject);
  });
  closed.catch(() => {}); // thrown by the next await

  // One piece at a time: data left in the stream when the connection fails would crash it.
  async function send(bytes: Buffer): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([sent, closed]);
  }

  await send(COPY_HEADER);
  const id = Buffer.from(batchId.replaceAll('-', ''), 'hex');
  for (const chunk of chunks) {
    // The body is a piece of its own: it is not copied.
    await send(rowHead(id, chunk));
    await send(chunk.body);
  }
  await send(COPY_TRAILER);
  stream.end();
  await closed;
}

/** The row up to the body's bytes. */
function rowHead(id: Buffer, chunk: EncodedChunk): Buffer {
  const { indexes, errors } = invalidColumns(chunk);
  return Buffer.concat([
    columnCount(8),
    field(id),
    field(int32(chunk.number)),
    field(int32(chunk.firstIndex)),
    field(int32(chunk.count)),
    field(textArray(chunk.queues)),
    field(indexes && int32Array(indexes)),
    field(errors === null ? null : Buffer.from(errors)),
    int32(chunk.body.length),
  ]);
}

function invalidColumns({ invalid }: EncodedChunk): { indexes: number[] | null; errors: string | null } {
  if (invalid.length === 0) return { indexes: null, errors: null };
  return {
    indexes: invalid.map(({ index }) => index),
    errors: `[${invalid.map(({ error }) => error).join(',')}]`,
  };
}

/** How many chunks of the batch are stored. */
export async function countChunks(client: ClientBase, batchId: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*) as count from batchwright.chunk where batch_id = $1',
    [batchId],
  );
  return rows[0]?.count ?? 0;
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
  tenant: string;
  state: BatchState;
  generation: number;
  cancelRequested: boolean;
  /** Indexes that already have a result. */
  recorded: number[];
  /** When the database read this, in ms since 1970 by the database's clock. */
  readAt: number;
}

/** Loads chunks, in the order of the arguments; undefined for a batch that was deleted meanwhile. */
export async function loadChunks(
  pool: Pool,
  chunks: readonly { batchId: string; number: number }[],
): Promise<(LoadedChunk | undefined)[]> {
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
      loaded[position - 1] = await withJobs(row);
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
  const { rows } = await client.query<LoadedRow>({
    name: 'load-chunk',
    text: LOAD_CHUNK('$1', '$2'),
    values: [batchId, number],
  });
  return rows[0] ? withJobs(rows[0]) : null;
}

type LoadedRow = Omit<LoadedChunk, 'jobs'> & StoredBody;

async function withJobs<Row extends StoredBody>({
  body,
  text,
  ...row
}: Row): Promise<Omit<Row, keyof StoredBody> & { jobs: string }> {
  return { ...row, jobs: await decodeJobs({ body, text }) };
}

const LOAD_CHUNK = (batchId: string, number: string) => `
  select chunk.first_index as "firstIndex", chunk.body, chunk.jobs as text, batch.tenant, batch.state,
    batch.generation, batch.cancel_requested as "cancelRequested",
    array(select result.index from batchwright.result
          where result.batch_id = ${batchId} and result.index >= chunk.first_index
            and result.index < chunk.first_index + chunk.count) as recorded,
    floor(extract(epoch from now()) * 1000)::int8 as "readAt"
  from batchwright.chunk join batchwright.batch on batch.id = chunk.batch_id
  where chunk.batch_id = ${batchId} and chunk.number = ${number}`;

/** The chunks of these batches that lack results, each with its queues. */
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
  const { rows } = await pool.query<Omit<StoredJobs, 'jobs'> & StoredBody>(
    `select number, first_index as "firstIndex", count, coalesce(invalid_indexes, '{}') as refused, body,
       jobs as text
     from batchwright.chunk where batch_id = $1 and number >= $2 order by number limit 1`,
    [batchId, number],
  );
  return rows[0] ? withJobs(rows[0]) : null;
}
