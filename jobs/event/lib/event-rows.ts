/** The statements on `event.event` and `event.race`. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';
import type { Race } from './races.ts';

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

/** The event's name. Throws NonRetryableError when the tenant has no such event. */
export async function eventName(sql: Sql, tenant: string, id: number): Promise<string> {
  const { rows } = await sql.query<{ name: string }>(
    'select name from event.event where tenant = $1 and id = $2',
    [tenant, id],
  );
  if (!rows[0]) throw new NonRetryableError(`There is no event ${id}`, { errorCode: 404 });
  return rows[0].name;
}

/** The id of the event with this externalEventId, or null. */
export async function findByExternalId(
  sql: Sql,
  tenant: string,
  externalEventId: string,
): Promise<number | null> {
  const { rows } = await sql.query<{ id: number }>(
    'select id from event.event where tenant = $1 and external_event_id = $2',
    [tenant, externalEventId],
  );
  return rows[0]?.id ?? null;
}

/** Adds or updates one event; an absent externalEventId leaves the stored value. */
export async function storeEvent(
  sql: Sql,
  tenant: string,
  event: { id: number; name: string; externalEventId?: string | null },
): Promise<void> {
  await sql.query(
    `insert into event.event as event (tenant, id, name, external_event_id) values ($1, $2, $3, $4)
     on conflict (tenant, id) do update set
       name = excluded.name,
       external_event_id = case when $5 then excluded.external_event_id else event.external_event_id end,
       updated_at = now()`,
    [tenant, event.id, event.name, event.externalEventId ?? null, event.externalEventId !== undefined],
  );
}

/** The races of the event and those of any event that have one of the ids, by id. */
export async function findRaces(sql: Sql, tenant: string, eventId: number, ids: number[]): Promise<Race[]> {
  const { rows } = await sql.query<Race>(
    `select id, event_id as "eventId", name from event.race
     where tenant = $1 and (event_id = $2 or id = any ($3::bigint[]))
     order by id`,
    [tenant, eventId, ids],
  );
  return rows;
}

/** Adds or renames races of different ids. */
export async function storeRaces(sql: Sql, tenant: string, races: Race[]): Promise<void> {
  await sql.query(
    `insert into event.race (tenant, id, event_id, name)
     select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[])
     on conflict (tenant, id) do update set name = excluded.name`,
    [tenant, races.map(({ id }) => id), races.map(({ eventId }) => eventId), races.map(({ name }) => name)],
  );
}
