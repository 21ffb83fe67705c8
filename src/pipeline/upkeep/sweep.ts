/**
 * Repairs what no process finished. In normal operation each duty finds nothing: it is for rows deleted by
 * hand, messages lost with a restored backup, counters changed by hand, and queues that a release removed.
 */
import type { Pool, PoolClient } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../plugin/context.ts';
import { transaction } from '../../postgres/transaction.ts';
import { queuedCallbacks, queuedChunks } from '../../queue/inspect.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Registry } from '../../registry/registry.ts';
import {
  type BatchWalk,
  lockAnyBatch,
  type PendingCallback,
  pendingCallbacks,
  unfinishedBatches,
} from '../../store/batches.ts';
import { deleteOldWaiting } from '../../store/bucket-waiting.ts';
import { deleteUnusedBuckets } from '../../store/buckets.ts';
import { incompleteChunks } from '../../store/chunks.ts';
import { countDeliveries } from '../../store/deliveries.ts';
import { trySweepLock } from '../../store/duty-locks.ts';
import { hasNotes } from '../../store/plan-notes.ts';
import { lockPlan, resetPlan } from '../../store/plans.ts';
import { recount } from '../../store/recount.ts';
import type { SettleAnswer } from '../../store/settle-columns.ts';
import { requeue } from '../control/control.ts';
import { releaseAll } from '../plan/releaser.ts';
import { callbackMessage, reportEnd, sendCompletionCallbacks } from '../settle/batch-end.ts';
import { findLostResults, newResultWalk, recordLost, recordLostChunks } from '../settle/lost-results.ts';
import { discardStaleUploads } from '../submit/discard-upload.ts';
import { eachBatch } from './each-batch.ts';
import { moveQueues } from './move-queues.ts';

export interface SweepDeps {
  pool: Pool;
  queue: Queue;
  queues: readonly string[];
  registry: Registry;
  log: Log;
}

/** The sweep's own transaction holds only its lock; repairs run in transactions of their own. */
const ROUND_SECONDS = 120;

/** Younger batches are ignored: their messages may not be visible yet. */
const MIN_AGE_SECONDS = 20;

/** Batches checked at once: their chunks and messages are in memory together. */
const PAGE_SIZE = 2000;
/** How often a repair is tried that meets another transaction of the batch. */
const ATTEMPTS = 3;
/** Before the first batch. */
const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * One round over all batches. Does nothing while another process runs one. Many batches are checked at once
 * by comparing the tables of batches and of the queue, because these cannot be joined where they are
 * distributed. Only a batch that seems wrong is checked alone, under its lock.
 *
 * @param options.minAgeSeconds younger batches, and callbacks of batches that ended more recently, are
 * ignored
 * @param options.walk where the count of results continues; it starts again when absent
 */
export async function sweep(
  deps: SweepDeps,
  { minAgeSeconds = MIN_AGE_SECONDS, pageSize = PAGE_SIZE, walk = newResultWalk() } = {},
): Promise<void> {
  const round = async (client: PoolClient): Promise<void> => {
    if (!(await trySweepLock(client))) return;
    const start = { after: FIRST, limit: pageSize, minAgeSeconds };
    for (let page: BatchWalk | null = start; page; ) {
      const ids = await unfinishedBatches(client, page);
      const wrong = await outOfOrder(deps, client, ids);
      await eachBatch(deps.log, wrong, 'sweep: a batch was not repaired', (id) => repairBatch(deps, id));
      page = following(page, ids);
    }
    for (let page: BatchWalk | null = start; page; ) {
      const callbacks = await pendingCallbacks(client, page);
      const lost = await withoutMessage(client, callbacks);
      await eachBatch(deps.log, lost, 'sweep: a callback was not repaired', (id) => repairCallback(deps, id));
      page = following(
        page,
        callbacks.map(({ id }) => id),
      );
    }
    await findLostResults(deps, client, walk);
    await discardStaleUploads(deps);
    await deleteUnusedBuckets(deps.pool);
    await deleteOldWaiting(deps.pool);
  };
  await transaction(deps.pool, round, { idleSeconds: ROUND_SECONDS });
}

/** The next page; null when this one was the last. */
function following(page: BatchWalk, ids: readonly string[]): BatchWalk | null {
  return ids.length < page.limit ? null : { ...page, after: ids.at(-1) ?? '' };
}

/** Batches that have no message, or none for some chunk that lacks results. */
async function outOfOrder(
  { queues }: SweepDeps,
  client: PoolClient,
  ids: readonly string[],
): Promise<Iterable<string>> {
  if (ids.length === 0) return [];
  // Messages are read first: one that ends in between has left its results.
  const live = await queuedChunks(client, queues, ids);
  const incomplete = await incompleteChunks(client, ids);
  const found = new Set(ids);
  for (const { batchId } of live) found.delete(batchId);
  const alive = new Set(live.map(({ batchId, chunk, queue }) => `${batchId} ${chunk} ${queue}`));
  for (const { batchId, number, queues: named, isPlanned } of incomplete) {
    const lost = named.filter((queue) => !alive.has(`${batchId} ${number} ${queue}`));
    // Where jobs wait for others, a queue may have none to start.
    if (lost.length === named.length || (lost.length > 0 && !isPlanned)) found.add(batchId);
  }
  return found;
}

/**
 * Sends messages for chunks that lack results and have no message; recounts a batch that lacks none. Jobs
 * whose chunk is gone are recorded as failed, and those that wait for them learn of it.
 */
async function repairBatch(deps: SweepDeps, batchId: string): Promise<void> {
  const { pool, queue, log } = deps;
  const asyncId = toAsyncId(batchId);
  let isReset = false;
  const repair = async (client: PoolClient): Promise<SettleAnswer | null> => {
    // The order in which jobs are released: the plan, then the batch.
    const bounds = await lockPlan(client, batchId);
    const batch = await lockAnyBatch(client, batchId);
    if (!batch || batch.finishedAt !== null) return null;
    const alive = await moveQueues(deps, client, batchId);
    const sent = await requeue(queue, client, batch, (chunk, name) => alive.has(`${chunk} ${name}`));
    if (sent > 0) log.warn({ asyncId, messages: sent }, 'sweep: lost chunk messages sent again');
    if (alive.size > 0 || sent > 0) return null;
    const isWaiting = bounds !== null && batch.waiting > 0;
    const lost = isWaiting ? await recordLostChunks(client, batch, bounds) : await recordLost(client, batch);
    if (lost > 0) log.warn({ asyncId, results: lost }, 'sweep: lost jobs recorded as failed');
    if (isWaiting && (lost > 0 || !(await hasNotes(client, batchId)))) {
      await resetPlan(client, batchId, bounds);
      isReset = true;
    }
    if (isWaiting && lost === 0) return null;
    const counted = await recount(client, batchId);
    if (!counted?.finished) return null;
    await sendCompletionCallbacks(queue, client, [{ batchId, generation: batch.generation, ...counted }]);
    return counted;
  };
  const ended = await transaction(pool, repair, { attempts: ATTEMPTS });
  if (isReset) {
    log.warn({ asyncId }, 'sweep: counters of waiting jobs made again from the results');
    await releaseAll(deps, batchId);
  }
  if (!ended) return;
  log.warn({ asyncId }, 'sweep: batch finished from its results');
  reportEnd(log, batchId, ended);
}

/** The batches with a pending callback but without a message for it. */
async function withoutMessage(client: PoolClient, callbacks: readonly PendingCallback[]): Promise<string[]> {
  if (callbacks.length === 0) return [];
  const queued = await queuedCallbacks(
    client,
    callbacks.map(({ id }) => id),
  );
  const alive = new Set(
    queued.map(({ batchId, generation, reposts }) => `${batchId} ${generation} ${reposts}`),
  );
  return callbacks
    .filter(({ id, generation, reposts }) => !alive.has(`${id} ${generation} ${reposts}`))
    .map(({ id }) => id);
}

/** Sends the callback's message again, as the attempt after the recorded ones. */
async function repairCallback({ pool, queue, log }: SweepDeps, id: string): Promise<void> {
  await transaction(pool, async (client: PoolClient) => {
    const batch = await lockAnyBatch(client, id);
    if (batch?.callbackState !== 'pending' || !batch.callbackUrl || !batch.finishedAt) return;
    if ((await withoutMessage(client, [batch])).length === 0) return;
    const isRepost = batch.reposts > 0;
    const cause = {
      trigger: isRepost ? ('repost' as const) : ('completion' as const),
      attempt: 1 + (await countDeliveries(client, batch, isRepost ? batch.repostedAt : null)),
      reposts: batch.reposts,
    };
    const { callbackUrl } = batch;
    await queue.sendCallbacks(client, [callbackMessage({ ...batch, callbackUrl }, cause)]);
    log.warn({ asyncId: toAsyncId(id) }, 'sweep: lost callback message sent again');
  });
}
