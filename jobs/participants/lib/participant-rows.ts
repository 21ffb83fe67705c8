/** The statements on `participants.participant`. */
import type { Sql } from 'batchwright/plugin';
import type { Participant } from '#schemas/participants/storeMultiple.ts';

export const OPTIONAL_FIELDS = [
  'country_code',
  'team_name',
  'start_number',
  'chip_code',
  'gender',
  'state',
] as const satisfies (keyof Participant)[];

export type OptionalField = (typeof OPTIONAL_FIELDS)[number];

/**
 * Makes other imports into the event wait until the commit. Two imports with the same participants in
 * different order would otherwise deadlock.
 */
export async function lockImports(sql: Sql, tenant: string, eventId: number): Promise<void> {
  await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `participants ${eventId} ${tenant}`,
  ]);
}

/** The ids of the event's races; null when the tenant has no such event. */
export async function raceIds(sql: Sql, tenant: string, eventId: number): Promise<Set<number> | null> {
  const { rows } = await sql.query<{ id: number | null }>(
    `select race.id from event.event
     left join event.race on race.tenant = event.tenant and race.event_id = event.id
     where event.tenant = $1 and event.id = $2`,
    [tenant, eventId],
  );
  if (rows.length === 0) return null;
  return new Set(rows.flatMap(({ id }) => id ?? []));
}

/**
 * Inserts or updates participants with different unique_ids. Only the optional fields in `sent` are written:
 * the others keep their stored values.
 */
export async function storeParticipants(
  sql: Sql,
  tenant: string,
  eventId: number,
  participants: readonly Participant[],
  sent: readonly OptionalField[],
): Promise<{ inserted: number; updated: number }> {
  const columns = ['race_id', 'date_of_birth', 'first_name', 'last_name', ...sent];
  // "C", because another collation of the database may turn i into İ.
  const values = columns.map((column) =>
    column === 'country_code' ? 'upper(country_code collate "C")' : column,
  );
  const { rows } = await sql.query<{ inserted: number; updated: number }>(
    `with stored as (
       insert into participants.participant (tenant, event_id, unique_id, ${columns.join(', ')})
       select $1, $2, unique_id, ${values.join(', ')}
       from json_to_recordset($3::json) as row (
         unique_id text, race_id bigint, date_of_birth date, first_name text, last_name text,
         country_code text, team_name text, start_number text, chip_code text, gender text, state text
       )
       on conflict (tenant, event_id, unique_id) do update set
         ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = now()
       -- A row that was there carries the updating transaction in xmax, a new one carries none.
       returning xmax = 0 as is_new
     )
     select count(*) filter (where is_new) as inserted, count(*) filter (where not is_new) as updated
     from stored`,
    [tenant, eventId, JSON.stringify(participants)],
  );
  return rows[0] ?? { inserted: 0, updated: 0 };
}
