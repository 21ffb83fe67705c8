import type { ClientBase } from 'pg';
import type { CallbackState } from './batches.ts';

export interface DeliveryRow {
  batchId: string;
  generation: number;
  trigger: string;
  /** HTTP status of the answer; null when there was none. */
  status: number | null;
  durationMs: number;
  error: string | null;
  /** Seconds from now to the next attempt; null when there is none. */
  nextInSeconds: number | null;
}

/**
 * Logs one attempt and sets the callback's state. False when the batch has been restarted since: the
 * callback of that completion is superseded.
 */
export async function recordDelivery(
  client: ClientBase,
  delivery: DeliveryRow,
  state: CallbackState,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update batchwright.batch set callback_state = $3, callback_attempts = callback_attempts + 1
     where id = $1 and generation = $2 and state in ('completed', 'cancelled')`,
    [delivery.batchId, delivery.generation, state],
  );
  await client.query(
    `insert into batchwright.delivery
       (batch_id, number, generation, trigger, status, duration_ms, error, next_attempt_at)
     select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
     from batchwright.delivery where batch_id = $1`,
    [
      delivery.batchId,
      delivery.generation,
      delivery.trigger,
      delivery.status,
      delivery.durationMs,
      delivery.error,
      delivery.nextInSeconds,
    ],
  );
  return rowCount === 1;
}

/** The callback is to be sent again: counts as pending from now on. */
export async function markCallbackPending(client: ClientBase, batchId: string): Promise<void> {
  await client.query(`update batchwright.batch set callback_state = 'pending' where id = $1`, [batchId]);
}
