/** The statements on `event.counter`, the highest ids of a tenant. */
import type { Sql } from 'batchwright/plugin';

export interface Counter {
  lastEventId: number;
  lastRaceId: number;
}

/** Locks the tenant's counter until the commit, so that no other job writes events of the tenant. */
export async function lockCounter(sql: Sql, tenant: string): Promise<Counter> {
  const { rows } = await sql.query<Counter>(
    `insert into event.counter (tenant) values ($1)
     on conflict (tenant) do update set tenant = excluded.tenant
     returning last_event_id as "lastEventId", last_race_id as "lastRaceId"`,
    [tenant],
  );
  return rows[0] ?? { lastEventId: 0, lastRaceId: 0 };
}

/** Lock the counter first. */
export async function storeCounter(sql: Sql, tenant: string, counter: Counter): Promise<void> {
  await sql.query('update event.counter set last_event_id = $2, last_race_id = $3 where tenant = $1', [
    tenant,
    counter.lastEventId,
    counter.lastRaceId,
  ]);
}
