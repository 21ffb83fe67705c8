/** The statements that show events: `event.getEventList` and `event.getEvent`. */
import type { Sql } from 'batchwright/plugin';
import { fields } from '#schemas/event/getEventList.ts';
import { type Conditions, columnsOf, type Page } from '../../lib/lists.ts';
import { shownInUtc } from '../../lib/timestamps.ts';

/** Dates are `YYYY-MM-DD HH:mm:ss UTC`. */
export interface ListedEvent {
  id: number;
  code: string;
  title: string;
  externalEventId: string | null;
  startDateTime: string | null;
  endDateTime: string | null;
  /** The invited contacts that have answered yes. */
  numRegistered: number;
  createdDate: string;
  modifiedDate: string;
}

const REGISTERED = `(
  select count(*) from event.invitation
  where invitation.tenant = event.tenant and invitation.event_id = event.id and response = 'Y'
)`;

/** The columns behind the names of a filter. */
export const EVENT_COLUMNS = columnsOf(fields, {
  id: 'event.id',
  code: 'event.code',
  title: 'event.name',
  externalEventId: 'event.external_event_id',
  startDateTime: 'event.start_date_time',
  endDateTime: 'event.end_date_time',
  numRegistered: REGISTERED,
  createdDate: 'event.created_at',
  modifiedDate: 'event.updated_at',
});

/** @param conditions begin after the tenant, $1 */
export async function countEvents(sql: Sql, conditions: Conditions): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*) as count from event.event where event.tenant = $1${conditions.sql}`,
    conditions.values,
  );
  return rows[0]?.count ?? 0;
}

/**
 * A page of events, sorted by id.
 *
 * @param conditions begin after the tenant, $1
 */
export async function listEvents(sql: Sql, conditions: Conditions, page: Page): Promise<ListedEvent[]> {
  const { sql: filter, values } = conditions;
  const { rows } = await sql.query<ListedEvent>(
    `select event.id, event.code, event.name as title, event.external_event_id as "externalEventId",
       ${shownInUtc('event.start_date_time')} as "startDateTime",
       ${shownInUtc('event.end_date_time')} as "endDateTime",
       ${REGISTERED} as "numRegistered",
       ${shownInUtc('event.created_at')} as "createdDate", ${shownInUtc('event.updated_at')} as "modifiedDate"
     from event.event
     where event.tenant = $1${filter}
     order by event.id
     offset $${values.length + 1} limit $${values.length + 2}`,
    [...values, page.start, page.perPage],
  );
  return rows;
}
