/** The statements that read and write `event.event`; those of its lists are in event-list-rows.ts. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';
import { shownInUtc } from '../../lib/timestamps.ts';

/** iVvy's code for an event that does not exist. */
const UNKNOWN_EVENT = 24097;

/** An event as it is stored. Dates are `YYYY-MM-DD HH:mm:ss UTC`. */
export interface StoredEvent {
  id: number;
  title: string;
  code: string;
  externalEventId: string | null;
  startDateTime: string | null;
  endDateTime: string | null;
}

/** The error of a job that names an event that does not exist. */
export function unknownEvent(id: number): NonRetryableError {
  return new NonRetryableError(`There is no event ${id}`, {
    errorCode: 404,
    specificCode: UNKNOWN_EVENT,
  });
}

/** The event's title. Throws NonRetryableError when the tenant has no such event. */
export async function eventTitle(sql: Sql, tenant: string, id: number): Promise<string> {
  const { rows } = await sql.query<{ title: string }>(
    'select name as title from event.event where tenant = $1 and id = $2',
    [tenant, id],
  );
  if (!rows[0]) throw unknownEvent(id);
  return rows[0].title;
}

/** The events that have the id, the externalEventId or the code: three at most. */
export async function findEvents(
  sql: Sql,
  tenant: string,
  { id, externalEventId, code }: { id?: number; externalEventId?: string | null; code?: string },
): Promise<StoredEvent[]> {
  const { rows } = await sql.query<StoredEvent>(
    `select id, name as title, code, external_event_id as "externalEventId",
       ${shownInUtc('start_date_time')} as "startDateTime", ${shownInUtc('end_date_time')} as "endDateTime"
     from event.event
     where tenant = $1 and (id = $2 or external_event_id = $3 or code = $4)`,
    [tenant, id ?? null, externalEventId ?? null, code ?? null],
  );
  return rows;
}

/** Adds or updates one event; a null code becomes a new one. Returns the code. */
export async function storeEvent(
  sql: Sql,
  tenant: string,
  event: Omit<StoredEvent, 'code'> & { code: string | null },
): Promise<string> {
  const { rows } = await sql.query<{ code: string }>(
    `insert into event.event (tenant, id, name, code, external_event_id, start_date_time, end_date_time)
     values ($1, $2, $3, coalesce($4, event.new_code()), $5, $6, $7)
     on conflict (tenant, id) do update set
       name = excluded.name,
       code = excluded.code,
       external_event_id = excluded.external_event_id,
       start_date_time = excluded.start_date_time,
       end_date_time = excluded.end_date_time,
       updated_at = now()
     returning code`,
    [
      tenant,
      event.id,
      event.title,
      event.code,
      event.externalEventId,
      event.startDateTime,
      event.endDateTime,
    ],
  );
  return rows[0]?.code ?? '';
}
