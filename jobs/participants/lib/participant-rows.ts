/** The statements on `participants.participant`. */
import type { Sql } from 'batchwright/plugin';
import type { Participant } from '#schemas/participants/storeMultiple.ts';

const OPTIONAL_FIELDS = [
  'country_code',
  'team_name',
  'start_number',
  'chip_code',
  'gender',
  'state',
] as const satisfies (keyof Participant)[];

export type OptionalField = (typeof OPTIONAL_FIELDS)[number];

/** A participant as the actions show it. Times are `YYYY-MM-DD HH:mm:ss`, UTC. */
export interface ParticipantRecord {
  id: number;
  unique_id: string;
  start_number: string | null;
  chip_code: string | null;
  event_id: number;
  race_id: number;
  first_name: string;
  last_name: string;
  full_name: string;
  date_of_birth: string;
  country_code: string | null;
  team_name: string | null;
  gender: string | null;
  state: string | null;
  created_at: string;
  updated_at: string;
}

/** The columns of a ParticipantRecord. */
const RECORD = `
  id, unique_id, start_number, chip_code, event_id, race_id, first_name, last_name,
  first_name || ' ' || last_name as full_name, to_char(date_of_birth, 'YYYY-MM-DD') as date_of_birth,
  country_code, team_name, gender, state,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as created_at,
  to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as updated_at`;

/** The columns of a participant in JSON. */
const JSON_COLUMNS = `
  unique_id text, race_id bigint, date_of_birth date, first_name text, last_name text,
  country_code text, team_name text, start_number text, chip_code text, gender text, state text`;

/** The optional fields that are not absent. */
export function sentFields(participant: Participant): OptionalField[] {
  return OPTIONAL_FIELDS.filter((field) => participant[field] !== undefined);
}

/** The columns that are written, and their values in a row of JSON_COLUMNS. */
function writtenColumns(sent: readonly OptionalField[]): { columns: string[]; values: string[] } {
  const columns = ['race_id', 'date_of_birth', 'first_name', 'last_name', ...sent];
  // "C", because another collation of the database may turn i into İ.
  const values = columns.map((column) =>
    column === 'country_code' ? 'upper(country_code collate "C")' : column,
  );
  return { columns, values };
}

/** What an update sets, so that columns that are not written keep their values. */
function updateOf(columns: readonly string[]): string {
  return `${columns.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = now()`;
}

/**
 * Makes other imports into the event wait until the commit. Two imports with the same participants in
 * different order would otherwise deadlock.
 */
export async function lockImports(sql: Sql, tenant: string, eventId: number): Promise<void> {
  await sql.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `participants ${eventId} ${tenant}`,
  ]);
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
  const { columns, values } = writtenColumns(sent);
  const { rows } = await sql.query<{ inserted: number; updated: number }>(
    `with stored as (
       insert into participants.participant (tenant, event_id, unique_id, ${columns.join(', ')})
       select $1, $2, unique_id, ${values.join(', ')}
       from json_to_recordset($3::json) as row (${JSON_COLUMNS})
       on conflict (tenant, event_id, unique_id) do update set ${updateOf(columns)}
       -- A row that was there carries the updating transaction in xmax, a new one carries none.
       returning xmax = 0 as is_new
     )
     select count(*) filter (where is_new) as inserted, count(*) filter (where not is_new) as updated
     from stored`,
    [tenant, eventId, JSON.stringify(participants)],
  );
  return rows[0] ?? { inserted: 0, updated: 0 };
}

/**
 * Inserts or updates one participant of the event that has its race; null when the tenant has no such race.
 * Only the optional fields in `sent` are written.
 */
export async function storeParticipant(
  sql: Sql,
  tenant: string,
  participant: Participant,
  sent: readonly OptionalField[],
): Promise<ParticipantRecord | null> {
  const { columns, values } = writtenColumns(sent);
  const { rows } = await sql.query<ParticipantRecord>(
    `insert into participants.participant (tenant, event_id, unique_id, ${columns.join(', ')})
     select $1, race.event_id, unique_id, ${values.join(', ')}
     from json_to_record($2::json) as row (${JSON_COLUMNS})
     join event.race on race.tenant = $1 and race.id = row.race_id
     on conflict (tenant, event_id, unique_id) do update set ${updateOf(columns)}
     returning ${RECORD}`,
    [tenant, JSON.stringify(participant)],
  );
  return rows[0] ?? null;
}

export async function eventExists(sql: Sql, tenant: string, eventId: number): Promise<boolean> {
  const { rowCount } = await sql.query('select from event.event where tenant = $1 and id = $2', [
    tenant,
    eventId,
  ]);
  return rowCount > 0;
}

export async function countParticipants(sql: Sql, tenant: string, eventId: number): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    'select count(*) as count from participants.participant where tenant = $1 and event_id = $2',
    [tenant, eventId],
  );
  return rows[0]?.count ?? 0;
}

/** A page of the event's participants, sorted by unique_id, which the primary key has in this order. */
export async function listParticipants(
  sql: Sql,
  tenant: string,
  eventId: number,
  page: { start: number; perPage: number },
): Promise<ParticipantRecord[]> {
  const { rows } = await sql.query<ParticipantRecord>(
    `select ${RECORD} from participants.participant
     where tenant = $1 and event_id = $2
     order by unique_id
     offset $3 limit $4`,
    [tenant, eventId, page.start, page.perPage],
  );
  return rows;
}
