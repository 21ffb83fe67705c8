import type { Pool } from 'pg';
import type { BatchRow } from '../../store/batches.ts';
import { type LoggedDelivery, listDeliveries } from '../../store/deliveries.ts';

/** The attempts to deliver a batch's callback, first to last. */
export function deliveriesOf(pool: Pool, batch: BatchRow): Promise<LoggedDelivery[]> {
  return listDeliveries(pool, batch.id);
}
