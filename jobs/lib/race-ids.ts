import type { Sql } from 'batchwright/plugin';

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
