/** What other namespaces need of the events: whether there is one, and its races. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';

/** @param id as the caller sent it */
export function unknownEvent(id: number | string): NonRetryableError {
  return new NonRetryableError(`There is no event ${id}`, { errorCode: 404 });
}

/** The ids of the event's races. Throws the error of `unknownEvent` when the tenant has no such event. */
export async function raceIds(sql: Sql, tenant: string, eventId: number): Promise<Set<number>> {
  const { rows } = await sql.query<{ id: number | null }>(
    `select race.id from event.event
     left join event.race on race.tenant = event.tenant and race.event_id = event.id
     where event.tenant = $1 and event.id = $2`,
    [tenant, eventId],
  );
  if (rows.length === 0) throw unknownEvent(eventId);
  return new Set(rows.flatMap(({ id }) => id ?? []));
}
