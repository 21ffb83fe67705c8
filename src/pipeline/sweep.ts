/**
 * Repairs what no process finished. Each duty does nothing in ordinary running: it is for rows deleted by
 * hand, messages lost with a restored backup, counters that somebody changed, queues that a release left.
 */
import type { Pool, PoolClient } from 'pg';
import { toAsyncId } from '../domain/batch.ts';
import type { Log } from '../plugin/context.ts';
import { transaction } from '../postgres/transaction.ts';
import { callbackIsQueued, liveChunks } from '../queue/inspect.ts';
import type { Queue } from '../queue/queue.ts';
import type { Registry } from '../registry/registry.ts';
import { lockBatchRow, pendingCallbacks, unfinishedBatches } from '../store/batches.ts';
import { incompleteChunks } from '../store/chunks.ts';
import { trySweepLock } from '../store/duty-locks.ts';
import { recount } from '../store/settle.ts';
import { complete, receiverOf } from './complete.ts';
import { requeue } from './control.ts';
import { rehome } from './rehome.ts';

export interface SweepDeps {
  pool: Pool;
  queue: Queue;
  queues: readonly string[];
  registry: Registry;
  log: Log;
}

/** The sweep's own transaction holds nothing but its lock; repairs run beside it, in transactions of theirs. */
const ROUND_SECONDS = 120;

/** A batch younger than this is none of the sweep's business: its messages may not be visible yet. */
const MIN_AGE_SECONDS = 20;

/**
 * One round over all batches. Another process that is at it already makes this one do nothing.
 *
 * @param options.minAgeSeconds batches stored, and batches ended, less long ago are left alone
 */
export async function sweep(deps: SweepDeps, { minAgeSeconds = MIN_AGE_SECONDS } = {}): Promise<void> {
  const round = async (client: PoolClient): Promise<void> => {
    if (!(await trySweepLock(client))) return;
    for (const { id } of await unfinishedBatches(client, minAgeSeconds)) await repairBatch(deps, id);
    for (const callback of await pendingCallbacks(client, minAgeSeconds))
      await repairCallback(deps, callback);
  };
  await transaction(deps.pool, round, { idleSeconds: ROUND_SECONDS });
}

/** Sends again the messages of chunks that lack results and have none; a batch without any is recounted. */
async function repairBatch(deps: SweepDeps, batchId: string): Promise<void> {
  // Counting the results of a large batch takes long: its row, which every settle waits for, is not held
  // meanwhile, unless there seems to be something to mend.
  if (await isInOrder(deps, batchId)) return;
  const { pool, queue, log } = deps;
  await transaction(pool, async (client) => {
    const batch = await lockBatchRow(client, batchId);
    if (!batch || batch.finishedAt !== null) return;
    const alive = await rehome(deps, client, batchId);
    const sent = await requeue(queue, client, batchId, batch.generation, (chunk, name) =>
      alive.has(`${chunk} ${name}`),
    );
    if (sent > 0)
      log.warn({ asyncId: toAsyncId(batchId), messages: sent }, 'sweep: lost chunk messages sent again');
    if (alive.size > 0 || sent > 0) return;
    const counted = await recount(client, batchId);
    if (!counted?.finished) return;
    await complete(queue, client, { batchId, generation: batch.generation, ...counted });
    log.warn({ asyncId: toAsyncId(batchId) }, 'sweep: batch finished from its results');
  });
}

async function isInOrder({ pool, queues }: SweepDeps, batchId: string): Promise<boolean> {
  const live = await liveChunks(pool, queues, batchId);
  const alive = new Set(live.map(({ chunk, queue }) => `${chunk} ${queue}`));
  const incomplete = await incompleteChunks(pool, batchId);
  return (
    live.length > 0 &&
    incomplete.every((chunk) => chunk.queues.every((name) => alive.has(`${chunk.number} ${name}`)))
  );
}

async function repairCallback(
  { pool, queue, log }: SweepDeps,
  { id, generation, attempts }: { id: string; generation: number; attempts: number },
): Promise<void> {
  await transaction(pool, async (client: PoolClient) => {
    const batch = await lockBatchRow(client, id);
    if (batch?.callbackState !== 'pending' || batch.generation !== generation || !batch.callbackUrl) return;
    if (await callbackIsQueued(client, id, generation)) return;
    await queue.sendCallback(client, {
      batch: id,
      generation,
      attempt: attempts + 1,
      trigger: 'completion',
      tenant: batch.tenant,
      receiver: receiverOf(batch.callbackUrl),
    });
    log.warn({ asyncId: toAsyncId(id) }, 'sweep: lost callback message sent again');
  });
}
