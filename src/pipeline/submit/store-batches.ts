/**
 * Stores batches in the caller's transaction: their rows, the messages that will run them, and the results of
 * refused jobs. Their chunks are stored before or together with them.
 */
import type { PoolClient } from 'pg';
import type { AsyncId } from '../../domain/batch.ts';
import type { CallbackOn, StoredOptions } from '../../domain/batch-options.ts';
import type { Caller } from '../../domain/caller.ts';
import { type Plan, partOf } from '../../domain/plan/plan.ts';
import { pipelined } from '../../postgres/transaction.ts';
import { type ChunkMessage, messagesByQueue } from '../../queue/messages.ts';
import type { Queue } from '../../queue/queue.ts';
import { stopMessages } from '../../queue/stopped.ts';
import { forgiveFailures, scheduledAmong } from '../../store/due-batches.ts';
import { type EncodedChunk, insertChunks } from '../../store/new-chunks.ts';
import { insertPlan, insertPlanGroups, insertPlanPart } from '../../store/new-plans.ts';
import { insertEndNotes } from '../../store/plan-notes.ts';
import { recount } from '../../store/recount.ts';
import type { SettleAnswer } from '../../store/settle-columns.ts';
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
  /** What its jobs say about each other; null when none depends on another. */
  plan?: Plan | null;
  name?: string | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
  callbackOn?: CallbackOn | undefined;
  options: StoredOptions;
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
export type ChunkSummary = Pick<
  EncodedChunk,
  'number' | 'firstIndex' | 'count' | 'queues' | 'startQueues' | 'actions'
> & {
  hasInvalid: boolean;
  isSmall: boolean;
};

/** Chunks up to this size are loaded, run and settled together with others. */
const SMALL_JOBS = 200;
const SMALL_BYTES = 32 * 1024;

export function summaryOf(chunk: EncodedChunk): ChunkSummary {
  const { number, firstIndex, count, queues, startQueues, actions, bytes } = chunk;
  const isSmall = number === 0 && count <= SMALL_JOBS && bytes <= SMALL_BYTES;
  const hasInvalid = chunk.invalid.length > 0;
  return { number, firstIndex, count, queues, startQueues, actions, hasInvalid, isSmall };
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
  const rows = batches.map(({ batchId, batch: { caller, plan, ...rest } }) => ({
    id: batchId,
    tenant: caller.tenant,
    keyId: caller.keyId,
    ...rest,
    isPlanned: plan != null,
    waiting: plan ? countWaiting(plan) : 0,
  }));
  const messages = messagesOf(batches);
  await pipelined(client, [
    () => insertBatches(client, rows),
    ...(toInsert.length > 0 ? [() => insertChunks(client, toInsert)] : []),
    ...batches.flatMap((batch) => planStatements(client, batch)),
    ...[...messages].map(
      ([name, list]) =>
        () =>
          queue.sendChunks(client, name, list),
    ),
  ]);
  const timed = batches
    .filter(({ batch }) => batch.options.startAt !== undefined)
    .map(({ batchId }) => batchId);
  for (const batchId of timed.length > 0 ? await scheduledAmong(client, timed) : [])
    await stopMessages(client, [...messages.keys()], batchId);
  const ended = new Map<string, SettleAnswer>();
  for (const { batchId, batch, chunks } of batches) {
    if (!chunks.some(({ hasInvalid }) => hasInvalid)) continue;
    await insertInvalid(client, batchId);
    if (batch.plan) await insertEndNotes(client, batchId);
    const settled = await recount(client, batchId);
    // They have not run: the caller wants the others to.
    if (batch.options.stopAfter) await forgiveFailures(client, batchId);
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
      chunks.flatMap((chunk) =>
        (chunk.startQueues ?? chunk.queues).map((queueName) => ({
          queueName,
          message: {
            batch: batchId,
            tenant: batch.caller.tenant,
            action: chunk.actions[chunk.queues.indexOf(queueName)] ?? undefined,
            chunk: chunk.number,
            generation: 1,
            attempt: 1,
            isSmall: chunk.isSmall || undefined,
            priority: batch.options.priority || undefined,
            ...(batch.plan ? { isPlanned: true as const, ...startsOf(batch.plan, chunk) } : {}),
          },
        })),
      ),
    ),
  );
}

/** The jobs of the chunk that wait for no other, unless these are all of them. */
function startsOf({ needs }: Plan, { firstIndex, count }: ChunkSummary): { indexes?: number[] } {
  const indexes: number[] = [];
  for (let index = firstIndex; index < firstIndex + count; index++)
    if (needs[index] === 0) indexes.push(index);
  return indexes.length === count ? {} : { indexes };
}

function countWaiting({ needs }: Plan): number {
  return needs.reduce((sum, unmet) => sum + (unmet > 0 ? 1 : 0), 0);
}

function planStatements(
  client: PoolClient,
  { batchId, batch: { plan, total }, chunks }: BatchWithChunks,
): (() => Promise<void>)[] {
  if (!plan) return [];
  const bounds = Int32Array.from([...chunks.map(({ firstIndex }) => firstIndex), total]);
  return [
    () => insertPlan(client, batchId, bounds),
    ...chunks.map(({ number, firstIndex, count }) => async () => {
      const part = partOf(plan, firstIndex, count);
      if (part) await insertPlanPart(client, batchId, number, part);
    }),
    () => insertPlanGroups(client, batchId, plan),
  ];
}
