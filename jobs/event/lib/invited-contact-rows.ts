/** The statements of `event.getInvitedContactList`. */
import type { Sql } from 'batchwright/plugin';
import { fields } from '#schemas/event/getInvitedContactList.ts';
import { type Conditions, columnsOf, type Page } from '../../lib/lists.ts';
import { shownInUtc } from '../../lib/timestamps.ts';
import type { InvitationResponse } from './invitation-rows.ts';

/** modifiedDate is `YYYY-MM-DD HH:mm:ss UTC`. */
export interface InvitedContact {
  eventId: number;
  contactId: number;
  firstName: string;
  lastName: string;
  email: string;
  phone: string | null;
  response: InvitationResponse;
  registrationId: null;
  modifiedDate: string;
}

/** The columns behind the names of a filter. */
export const INVITED_COLUMNS = columnsOf(fields, {
  contactId: 'contact_id',
  firstName: 'first_name',
  lastName: 'last_name',
  email: 'email',
  phone: 'phone',
  response: 'response',
  modifiedDate: 'modified_at',
});

const INVITED = `event.invitation
  join contact.contact on contact.tenant = invitation.tenant and contact.id = invitation.contact_id
  where invitation.tenant = $1 and event_id = $2`;

/** @param conditions begin after the tenant, $1, and the event, $2 */
export async function countInvited(sql: Sql, conditions: Conditions): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*) as count from ${INVITED}${conditions.sql}`,
    conditions.values,
  );
  return rows[0]?.count ?? 0;
}

/**
 * A page of the invited contacts, sorted by contact.
 *
 * @param conditions begin after the tenant, $1, and the event, $2
 */
export async function listInvited(sql: Sql, conditions: Conditions, page: Page): Promise<InvitedContact[]> {
  const { sql: filter, values } = conditions;
  const { rows } = await sql.query<InvitedContact>(
    `select event_id as "eventId", contact_id as "contactId", first_name as "firstName",
       last_name as "lastName", email, phone, response, null as "registrationId",
       ${shownInUtc('modified_at')} as "modifiedDate"
     from ${INVITED}${filter}
     order by contact_id
     offset $${values.length + 1} limit $${values.length + 2}`,
    [...values, page.start, page.perPage],
  );
  return rows;
}
