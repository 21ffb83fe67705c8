/**
 * Results that were deleted by hand, or are missing from a restored backup: the batch must not count missing
 * results. Each is recorded as failed, so that the caller can run its job again with a restart.
 */
import type { Pool, PoolClient } from 'pg';
import { catalogue } from '../../contract/errors.ts';
import { toAsyncId } from '../../domain/batch.ts';
import type { Log } from '../../domain/log.ts';
import { transaction } from '../../postgres/transaction.ts';
import { queuedChunks } from '../../queue/inspect.ts';
import { type BatchRow, endedBatches, lockAnyBatch } from '../../store/batches.ts';
import { missingChunks } from '../../store/chunks.ts';
import { recountEnded } from '../../store/recount.ts';
import { countResults, insertLost } from '../../store/results.ts';

/**
 * Results counted in one round, and batches: 60 ms on a busy machine. A larger batch has a round of its own.
 */
const MAX_RESULTS = 100_000;
const MAX_BATCHES = 2000;
/** After the last batch. */
const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const LOST = { errorCode: catalogue.internal.errorCode, message: 'the result was lost' };

/** Where the next round continues. */
export interface ResultWalk {
  before: string;
}

export function newResultWalk(): ResultWalk {
  return { before: LAST };
}

/** A duty of the sweep: counts the results of some ended batches, from the youngest to the oldest. */
export async function findLostResults(
  { pool, queues, log }: { pool: Pool; queues: readonly string[]; log: Pick<Log, 'warn'> },
  client: PoolClient,
  walk: ResultWalk,
): Promise<void> {
  const page = await endedBatches(client, { before: walk.before, limit: MAX_BATCHES });
  let results = 0;
  const first = page.findIndex(({ total }, position) => {
    results += total;
    return position > 0 && results > MAX_RESULTS;
  });
  const batches = first === -1 ? page : page.slice(0, first);
  const isEnd = first === -1 && page.length < MAX_BATCHES;
  walk.before = (!isEnd && batches.at(-1)?.id) || LAST;
  if (batches.length === 0) return;
  const counts = await countResults(
    client,
    batches.map(({ id }) => id),
  );
  for (const { id, total } of batches) {
    if ((counts.get(id) ?? 0) >= total) continue;
    const lost = await transaction(pool, async (own) => {
      const batch = await lockAnyBatch(own, id);
      // A batch that ended too early, because its counters were changed by hand, has jobs that still run.
      if (!batch || (await queuedChunks(own, queues, [id])).length > 0) return 0;
      return recordLostOfEnded(own, batch);
    });
    if (lost > 0)
      log.warn({ asyncId: toAsyncId(id), results: lost }, 'sweep: lost results recorded as failed');
  }
}

/**
 * For a batch that is locked; returns the number of lost results. Does nothing when the batch has not ended.
 */
export async function recordLostOfEnded(client: PoolClient, batch: BatchRow): Promise<number> {
  if (batch.finishedAt === null) return 0;
  const { id, total } = batch;
  if (((await countResults(client, [id])).get(id) ?? 0) >= total) return 0;
  const lost = await recordLost(client, batch);
  await recountEnded(client, id);
  return lost;
}

/** The same without updating counters, for a batch that a recount ends. */
export function recordLost(client: PoolClient, batch: BatchRow): Promise<number> {
  return insertLost(client, batch, LOST, [{ from: 0, to: batch.total }]);
}

/**
 * The same only for jobs whose chunk is gone: others of the batch may still wait for jobs.
 *
 * @param bounds the first index of each chunk, then the number of jobs
 */
export async function recordLostChunks(
  client: PoolClient,
  batch: BatchRow,
  bounds: Int32Array,
): Promise<number> {
  const missing = await missingChunks(client, batch.id, bounds.length - 1);
  if (missing.length === 0) return 0;
  const ranges = missing.map((number) => ({ from: bounds[number] ?? 0, to: bounds[number + 1] ?? 0 }));
  return insertLost(client, batch, LOST, ranges);
}
