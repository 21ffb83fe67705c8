/** The statements on `redjade.participant` and its demographics. */
import type { Sql } from 'batchwright/plugin';
import type { Demographics } from './check-row.ts';

export interface Participant {
  id: number;
  external_id: string | null;
  email: string | null;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
  demographics: Demographics;
}

export async function countParticipants(sql: Sql, tenant: string, eventId: number): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    'select count(*) as count from redjade.participant where tenant = $1 and event_id = $2',
    [tenant, eventId],
  );
  return rows[0]?.count ?? 0;
}

/** The participants of an event with their demographics, by id. */
export async function listParticipants(
  sql: Sql,
  tenant: string,
  eventId: number,
  { start, perPage }: { start: number; perPage: number },
): Promise<Participant[]> {
  const { rows } = await sql.query<Omit<Participant, 'demographics'> & { demographics: string }>(
    `select p.id, p.external_id, p.email, p.first_name, p.last_name, p.locale, coalesce((
       select json_object_agg(c.name, d.value order by c.name)
       from redjade.demographic d
       join redjade.category c on c.tenant = d.tenant and c.id = d.category_id
       where d.tenant = p.tenant and d.participant_id = p.id
     ), '{}') as demographics
     from redjade.participant p
     where p.tenant = $1 and p.event_id = $2
     order by p.id offset $3 limit $4`,
    [tenant, eventId, start, perPage],
  );
  return rows.map((row) => ({ ...row, demographics: JSON.parse(row.demographics) }));
}
