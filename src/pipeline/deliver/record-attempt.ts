import type { Pool, PoolClient } from 'pg';
import { isDatabaseUnavailable } from '../../postgres/errors.ts';
import { GROUP_LIMITS, transaction } from '../../postgres/transaction.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';

export interface RecordDeps {
  pool: Pool;
  queue: Queue;
  /** Aborted when the process must stop: then what cannot be recorded at once is not. */
  stopping: AbortSignal;
}

/**
 * Ends the callback's message and records the attempt in one transaction. Repeats that while the database is away or the
 * batch's row is locked: an attempt that is not recorded would be made again. No connection is held between two tries,
 * for few connections serve many callbacks.
 *
 * Undefined when an earlier try may have been committed and the message has ended: nothing is recorded twice.
 *
 * @param record what is recorded; gets whether the message was still held, or another lane has taken it over
 * @param error of a try before these
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
