/** What waits in the database, over all tenants. */
import type { Pool } from 'pg';
import { transaction } from '../../postgres/transaction.ts';
import { type QueueDepth, queueDepths } from '../../queue/depth.ts';
import { countPendingCallbacks, countUnfinished } from '../../store/counts.ts';
import { countWorkers } from '../../store/workers.ts';

/** Nothing is counted further: a count of this many index entries takes some 20 ms. */
const MOST = 100_000;
/** A scrape must not burden a database that is slow already. */
const LIMITS = { statementSeconds: 2, readOnly: true };

export interface SystemCounts {
  /** Batches that have not ended, by state. */
  batches: { state: string; count: number }[];
  queues: QueueDepth[];
  callbacksWaiting: number;
  workers: number;
}

export function systemCounts(pool: Pool, queues: readonly string[]): Promise<SystemCounts> {
  return transaction(
    pool,
    async (client) => {
      const unfinished = await countUnfinished(client, MOST);
      return {
        batches: ['queued', 'running'].map((state) => ({ state, count: unfinished.get(state) ?? 0 })),
        queues: await queueDepths(client, queues, MOST),
        callbacksWaiting: await countPendingCallbacks(client, MOST),
        workers: await countWorkers(client),
      };
    },
    LIMITS,
  );
}
