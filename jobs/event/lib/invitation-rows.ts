/** The statements on `event.invitation`. */
import type { Sql } from 'batchwright/plugin';

export type InvitationResponse = 'U' | 'Y' | 'N';

export interface Invitation {
  contactId: number;
  token: string;
  firstName: string;
  lastName: string;
  email: string;
  /** Not mailed, and not opted out meanwhile. */
  unmailed: boolean;
}

/** Why a contact could not be invited. */
export type Refusal = 'unknown' | 'opted out' | 'already invited';

/** Invites those of the contacts that exist, have not opted out and are not already invited. */
export async function invite(
  sql: Sql,
  tenant: string,
  eventId: number,
  jobKey: string,
  contacts: { id: number; token: string }[],
): Promise<void> {
  await sql.query(
    // Sorted, so that two jobs that invite the same contacts lock them in the same order, which prevents
    // deadlocks.
    `insert into event.invitation (tenant, event_id, contact_id, token, job_key)
     select contact.tenant, $2, contact.id, asked.token, $3
     from unnest($4::bigint[], $5::text[]) as asked (id, token)
     join contact.contact on contact.tenant = $1 and contact.id = asked.id and not contact.opted_out
     order by contact.id
     on conflict (tenant, event_id, contact_id) do nothing`,
    [tenant, eventId, jobKey, contacts.map(({ id }) => id), contacts.map(({ token }) => token)],
  );
}

/** The contacts that the job has invited to the event, in this run or an earlier one, sorted by contact. */
export async function invitedBy(
  sql: Sql,
  tenant: string,
  eventId: number,
  jobKey: string,
  contactIds: readonly number[],
): Promise<Invitation[]> {
  const { rows } = await sql.query<Invitation>(
    `select contact.id as "contactId", token, first_name as "firstName", last_name as "lastName", email,
       mailed_at is null and not opted_out as unmailed
     from event.invitation
     join contact.contact on contact.tenant = invitation.tenant and contact.id = invitation.contact_id
     where invitation.tenant = $1 and event_id = $2 and job_key = $3 and contact_id = any ($4::bigint[])
     order by contact.id`,
    [tenant, eventId, jobKey, contactIds],
  );
  return rows;
}

/** Why each of these contacts could not be invited. */
export async function refusals(
  sql: Sql,
  tenant: string,
  eventId: number,
  contactIds: readonly number[],
): Promise<Map<number, Refusal>> {
  const { rows } = await sql.query<{ contactId: number; reason: Refusal }>(
    `select asked.id as "contactId",
       case when opted_out then 'opted out' when token is not null then 'already invited' else 'unknown' end as reason
     from unnest($3::bigint[]) as asked (id)
     left join contact.contact on contact.tenant = $1 and contact.id = asked.id
     left join event.invitation
       on invitation.tenant = $1 and event_id = $2 and invitation.contact_id = asked.id`,
    [tenant, eventId, contactIds],
  );
  return new Map(rows.map(({ contactId, reason }) => [contactId, reason]));
}

export async function markMailed(
  sql: Sql,
  tenant: string,
  eventId: number,
  contactId: number,
): Promise<void> {
  await sql.query(
    'update event.invitation set mailed_at = now() where tenant = $1 and event_id = $2 and contact_id = $3',
    [tenant, eventId, contactId],
  );
}

/** The event that a token invites to, and the answer so far. Null for an unknown token. */
export async function findInvitation(
  sql: Sql,
  tenant: string,
  token: string,
): Promise<{ event: string; response: InvitationResponse } | null> {
  const { rows } = await sql.query<{ event: string; response: InvitationResponse }>(
    `select event.name as event, response
     from event.invitation
     join event.event on event.tenant = invitation.tenant and event.id = invitation.event_id
     where invitation.tenant = $1 and token = $2`,
    [tenant, token],
  );
  return rows[0] ?? null;
}

/** Records an answer; repeating the current answer changes nothing. Null for an unknown token. */
export async function recordResponse(
  sql: Sql,
  tenant: string,
  token: string,
  response: InvitationResponse,
): Promise<{ contact: number; event: number; response: InvitationResponse } | null> {
  const { rows } = await sql.query<{ contact: number; event: number; response: InvitationResponse }>(
    `update event.invitation
     set response = $3, modified_at = case when response = $3 then modified_at else now() end
     where tenant = $1 and token = $2
     returning contact_id as contact, event_id as event, response`,
    [tenant, token, response],
  );
  return rows[0] ?? null;
}
