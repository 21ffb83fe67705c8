import type { Pool, PoolClient } from 'pg';
import { isDatabaseUnavailable } from '../../postgres/errors.ts';
import { GROUP_LIMITS, transaction } from '../../postgres/transaction.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';

export interface RecordDeps {
  pool: Pool;
  queue: Queue;
  /** Aborted when the process must stop: recording is then tried once and not repeated. */
  stopping: AbortSignal;
}

/**
 * Ends the callback's message and records the attempt in one transaction. Repeats this while the database is
 * away or the batch's row is locked, because an unrecorded attempt would be made again. It holds no
 * connection between two tries, because few connections serve many callbacks. Undefined when an earlier try
 * may have been committed and the message has ended: nothing is recorded twice.
 *
 * @param record records; its argument says whether the message was still held, or another lane has taken it
 * over
 * @param error the error of an earlier try
 */
export function recordAttempt<T>(
  { pool, queue, stopping }: RecordDeps,
  claim: Claim<CallbackMessage>,
  record: (client: PoolClient, isHeld: boolean) => Promise<T>,
  error?: unknown,
): Promise<T | undefined> {
  let mayBeRecorded = isDatabaseUnavailable(error);
  async function tryOnce(client: PoolClient): Promise<T | undefined> {
    // Lock order everywhere: message row, then batch row. This prevents deadlocks.
    const isHeld = await queue.complete(client, claim);
    return isHeld || !mayBeRecorded ? record(client, isHeld) : undefined;
  }
  return untilAvailable(() => transaction(pool, tryOnce, GROUP_LIMITS), {
    signal: stopping,
    before: async (failed) => {
      mayBeRecorded ||= isDatabaseUnavailable(failed);
    },
  });
}
