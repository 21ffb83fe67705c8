/** Stores a batch, its jobs being there or coming along: the row, the messages that will run it, refused jobs' results. */
import type { PoolClient } from 'pg';
import type { AsyncId, BatchOptions } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import { pipelined } from '../../postgres/transaction.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import { insertChunk, type NewChunk } from '../../store/chunks.ts';
import { recount, type SettleAnswer } from '../../store/settle.ts';
import { insertBatch, insertInvalid } from '../../store/submission.ts';
import { sendCompletionCallbacks } from '../settle/batch-end.ts';

/** A batch as it is known when all of its request has been read. */
export interface BatchToStore {
  caller: Caller;
  total: number;
  callbackUrl: string | null;
  /** What its jobs run. */
  actions: readonly string[];
  options: BatchOptions;
  idempotency: { key: string; digest: Buffer } | null;
  retentionDays: number;
}

export interface Stored {
  asyncId: AsyncId;
  /** Of a batch that ended as it was stored: all of its jobs were refused. */
  ended: SettleAnswer | null;
}

/** What a batch's messages are made from. */
export type ChunkSummary = Pick<NewChunk, 'number' | 'queues' | 'actions'> & { hasInvalid: boolean };

export function summaryOf({ number, queues, actions, invalid }: NewChunk): ChunkSummary {
  return { number, queues, actions, hasInvalid: invalid.length > 0 };
}

/**
 * To be called in the transaction that makes the batch visible. Answers the end of a batch whose jobs
 * were all refused.
 *
 * @param chunks all of them, in their order
 * @param toInsert the one that is not stored yet
 */
export async function storeBatch(
  queue: Queue,
  client: PoolClient,
  batchId: string,
  batch: BatchToStore,
  chunks: readonly ChunkSummary[],
  toInsert?: NewChunk,
): Promise<SettleAnswer | null> {
  const { caller, ...rest } = batch;
  await pipelined(client, [
    () => insertBatch(client, { id: batchId, tenant: caller.tenant, keyId: caller.keyId, ...rest }),
    ...(toInsert ? [() => insertChunk(client, batchId, toInsert)] : []),
    ...[...messagesOf(batchId, caller.tenant, chunks)].map(
      ([name, messages]) =>
        () =>
          queue.sendChunks(client, name, messages),
    ),
  ]);
  if (!chunks.some(({ hasInvalid }) => hasInvalid)) return null;
  await insertInvalid(client, batchId);
  const settled = await recount(client, batchId);
  if (!settled?.finished) return null;
  await sendCompletionCallbacks(queue, client, { batchId, generation: 1, ...settled });
  return settled;
}

/** One message for each chunk and queue, by queue. */
function messagesOf(
  batch: string,
  tenant: string,
  chunks: readonly ChunkSummary[],
): Map<string, ChunkMessage[]> {
  const messages = new Map<string, ChunkMessage[]>();
  for (const { number: chunk, queues, actions } of chunks)
    for (const [at, queue] of queues.entries()) {
      const action = actions[at] ?? undefined;
      const message = { batch, tenant, action, chunk, generation: 1, attempt: 1 };
      const queued = messages.get(queue);
      if (queued) queued.push(message);
      else messages.set(queue, [message]);
    }
  return messages;
}
