/** Deletes the rows of batches that callers have deleted. */
import type { Pool } from 'pg';
import type { Log } from '../../plugin/context.ts';
import { transaction } from '../../postgres/transaction.ts';
import { deleteBatchRow, deletedBatches, deleteJobs } from '../../store/deleted-batches.ts';

/** Jobs deleted in one transaction: it takes some tens of milliseconds. */
const PIECE_JOBS = 5000;
const BATCHES_AT_ONCE = 10;

export interface Purge {
  /** Deletes the rows of all batches that are marked, without waiting for it. */
  request(): void;
  /** Resolves when no statement is under way. Retention deletes what is left. */
  stop(): Promise<void>;
}

/** Begins with a round, for what an earlier process has left. */
export function startPurge({ pool, log }: { pool: Pool; log: Log }): Purge {
  let isStopping = false;
  let isRequested = false;
  let running: Promise<void> = Promise.resolve();

  async function rounds(): Promise<void> {
    while (isRequested && !isStopping) {
      isRequested = false;
      await purge(pool, () => isStopping);
    }
  }

  function request(): void {
    if (isRequested) return;
    isRequested = true;
    running = running
      .then(rounds)
      .catch((error: unknown) => log.warn({ err: error }, 'deleted batches could not be removed yet'));
  }

  request();
  return {
    request,
    stop() {
      isStopping = true;
      return running;
    },
  };
}

async function purge(pool: Pool, isStopping: () => boolean): Promise<void> {
  for (;;) {
    const batches = await deletedBatches(pool, BATCHES_AT_ONCE);
    if (batches.length === 0) return;
    for (const { id, total } of batches) {
      for (let from = 0; from < total; from += PIECE_JOBS) {
        if (isStopping()) return;
        const range = { from, end: from + PIECE_JOBS };
        await transaction(pool, (client) => deleteJobs(client, id, range));
      }
      await transaction(pool, (client) => deleteBatchRow(client, id));
    }
  }
}
