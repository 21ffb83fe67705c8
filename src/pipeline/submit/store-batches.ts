/**
 * Stores batches in the caller's transaction: their rows, the messages that will run them, and the results of
 * refused jobs. Their chunks are stored before or together with them.
 */
import type { PoolClient } from 'pg';
import type { AsyncId, BatchOptions } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import { pipelined } from '../../postgres/transaction.ts';
import { type ChunkMessage, messagesByQueue } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import { type EncodedChunk, insertChunks } from '../../store/new-chunks.ts';
import { recount, type SettleAnswer } from '../../store/settle.ts';
import { insertBatches, insertInvalid } from '../../store/submission.ts';
import type { TraceHeaders } from '../../telemetry/operations.ts';
import { sendCompletionCallbacks } from '../settle/batch-end.ts';

/** A batch after all of its request was read. */
export interface BatchToStore {
  caller: Caller;
  total: number;
  callbackUrl: string | null;
  /** The namespace of the plugin that makes the callback's body; absent for the usual body. */
  callbackForm?: string | undefined;
  /** Further headers of the callback, encrypted. */
  callbackHeaders?: Buffer | undefined;
  /** The headers by which workers continue the trace of the request; absent when nothing traces. */
  traceContext?: TraceHeaders | undefined;
  /** The actions of its jobs. */
  actions: readonly string[];
  options: BatchOptions;
  idempotency: { key: string; digest: Buffer } | null;
  retentionDays: number;
}

export interface Stored {
  asyncId: AsyncId;
  /** False when an earlier request with the same Idempotency-Key has stored it. */
  isNew: boolean;
  /** Set when the batch ended as it was stored: all of its jobs were refused. */
  ended: SettleAnswer | null;
}

/** The parts of a chunk that its messages need. */
export type ChunkSummary = Pick<EncodedChunk, 'number' | 'queues' | 'actions'> & {
  hasInvalid: boolean;
  isSmall: boolean;
};

/** Chunks up to this size are loaded, run and settled together with others. */
const SMALL_JOBS = 200;
const SMALL_BYTES = 32 * 1024;

export function summaryOf({ number, queues, actions, invalid, count, bytes }: EncodedChunk): ChunkSummary {
  const isSmall = number === 0 && count <= SMALL_JOBS && bytes <= SMALL_BYTES;
  return { number, queues, actions, hasInvalid: invalid.length > 0, isSmall };
}

export interface BatchWithChunks {
  batchId: string;
  batch: BatchToStore;
  /** All chunks, in their order. */
  chunks: readonly ChunkSummary[];
  /** The one chunk that is not yet stored. */
  toInsert?: EncodedChunk | undefined;
}

/**
 * Call it in the transaction that makes the batches visible. Returns the ends of those whose jobs were all
 * refused, by batch.
 */
export async function storeBatches(
  queue: Queue,
  client: PoolClient,
  batches: readonly BatchWithChunks[],
): Promise<Map<string, SettleAnswer>> {
  const toInsert = batches.flatMap(({ batchId, toInsert: chunk }) => (chunk ? [{ batchId, chunk }] : []));
  const rows = batches.map(({ batchId, batch: { caller, ...rest } }) => ({
    id: batchId,
    tenant: caller.tenant,
    keyId: caller.keyId,
    ...rest,
  }));
  await pipelined(client, [
    () => insertBatches(client, rows),
    ...(toInsert.length > 0 ? [() => insertChunks(client, toInsert)] : []),
    ...[...messagesOf(batches)].map(
      ([name, messages]) =>
        () =>
          queue.sendChunks(client, name, messages),
    ),
  ]);
  const ended = new Map<string, SettleAnswer>();
  for (const { batchId, chunks } of batches) {
    if (!chunks.some(({ hasInvalid }) => hasInvalid)) continue;
    await insertInvalid(client, batchId);
    const settled = await recount(client, batchId);
    if (!settled?.finished) continue;
    await sendCompletionCallbacks(queue, client, [{ batchId, generation: 1, ...settled }]);
    ended.set(batchId, settled);
  }
  return ended;
}

/** One message per chunk and queue, grouped by queue. */
function messagesOf(batches: readonly BatchWithChunks[]): Map<string, ChunkMessage[]> {
  return messagesByQueue(
    batches.flatMap(({ batchId, batch, chunks }) =>
      chunks.flatMap(({ number, queues, actions, isSmall }) =>
        queues.map((queueName, at) => ({
          queueName,
          message: {
            batch: batchId,
            tenant: batch.caller.tenant,
            action: actions[at] ?? undefined,
            chunk: number,
            generation: 1,
            attempt: 1,
            isSmall: isSmall || undefined,
          },
        })),
      ),
    ),
  );
}
