/** The statements on `event.race`. */
import type { Sql } from 'batchwright/plugin';
import type { Page } from '../../lib/lists.ts';
import { shownInUtc } from '../../lib/timestamps.ts';
import type { Race } from './races.ts';

/** A race as `event.getRaceList` shows it. */
export interface ListedRace extends Race {
  createdDate: string;
  modifiedDate: string;
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
    `insert into event.race as race (tenant, id, event_id, name)
     select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[])
     on conflict (tenant, id) do update set
       name = excluded.name,
       updated_at = case when race.name = excluded.name then race.updated_at else now() end`,
    [tenant, races.map(({ id }) => id), races.map(({ eventId }) => eventId), races.map(({ name }) => name)],
  );
}

/** The number of races: those of the event, or all when it is undefined. */
export async function countRaces(sql: Sql, tenant: string, eventId: number | undefined): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*) as count from event.race where tenant = $1 and ($2::bigint is null or event_id = $2)`,
    [tenant, eventId ?? null],
  );
  return rows[0]?.count ?? 0;
}

/** A page of races, sorted by id: those of the event, or of all events when it is undefined. */
export async function listRaces(
  sql: Sql,
  tenant: string,
  eventId: number | undefined,
  page: Page,
): Promise<ListedRace[]> {
  const { rows } = await sql.query<ListedRace>(
    `select id, event_id as "eventId", name,
       ${shownInUtc('created_at')} as "createdDate", ${shownInUtc('updated_at')} as "modifiedDate"
     from event.race
     where tenant = $1 and ($2::bigint is null or event_id = $2)
     order by id
     offset $3 limit $4`,
    [tenant, eventId ?? null, page.start, page.perPage],
  );
  return rows;
}
