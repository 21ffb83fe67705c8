/** Stores new chunks: a few by an insert, many or large ones by COPY. */
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { encodeJobs } from './chunk-body.ts';
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
  /** The queues of jobs that wait for no other job; absent for all queues. Not stored. */
  startQueues?: string[] | undefined;
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
