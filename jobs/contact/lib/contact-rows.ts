/** The statements that read and write `contact.contact`; those of its list are in contact-list-rows.ts. */
import type { Sql } from 'batchwright/plugin';
import type { ContactFields, Names } from './contact-request.ts';

export interface ContactRow extends ContactFields {
  id: number;
}

/** The names of those of the contacts that exist. */
export async function findNames(
  sql: Sql,
  tenant: string,
  ids: readonly number[],
): Promise<(Names & { id: number })[]> {
  const { rows } = await sql.query<Names & { id: number }>(
    `select id, first_name as "firstName", last_name as "lastName", email
     from contact.contact where tenant = $1 and id = any ($2::bigint[])`,
    [tenant, ids],
  );
  return rows;
}

/**
 * The contacts with these names, compared without case: by the position of the names, the lowest id that is not
 * excluded.
 */
export async function findByNames(
  sql: Sql,
  tenant: string,
  names: readonly (Names | undefined)[],
  excludedIds: readonly number[],
): Promise<Map<number, number>> {
  const asked = names.flatMap((one, position) => (one ? [{ ...one, position }] : []));
  if (asked.length === 0) return new Map();
  const { rows } = await sql.query<{ position: number; id: number }>(
    `select asked.position, min(contact.id) as id
     from json_to_recordset($2::json) as asked (
       position integer, "firstName" text, "lastName" text, email text
     )
     join contact.contact on contact.tenant = $1
       and lower(contact.email) = lower(asked.email)
       and lower(contact.first_name) = lower(asked."firstName")
       and lower(contact.last_name) = lower(asked."lastName")
       and contact.id <> all ($3::bigint[])
     group by asked.position`,
    [tenant, JSON.stringify(asked), excludedIds],
  );
  return new Map(rows.map(({ position, id }) => [position, id]));
}

/**
 * Adds or updates contacts with different ids; those to add have all three names. Lock the tenant's counter
 * first: this reads before it writes.
 */
export async function storeContacts(sql: Sql, tenant: string, contacts: ContactRow[]): Promise<void> {
  const given = contacts.map((contact) => ({
    ...contact,
    phoneGiven: contact.phone !== undefined,
    externalIdGiven: contact.externalId !== undefined,
  }));
  await sql.query(
    `with given as (
       select * from json_to_recordset($2::json) as row (
         id bigint, "firstName" text, "lastName" text, email text, status integer,
         phone text, "phoneGiven" boolean, "externalId" text, "externalIdGiven" boolean
       )
     ), updated as (
       update contact.contact
       set first_name = coalesce(given."firstName", contact.first_name),
         last_name = coalesce(given."lastName", contact.last_name),
         email = coalesce(given.email, contact.email),
         phone = case when given."phoneGiven" then given.phone else contact.phone end,
         external_id = case when given."externalIdGiven" then given."externalId" else contact.external_id end,
         opted_out = coalesce(given.status = 2, contact.opted_out),
         updated_at = now()
       from given
       where contact.tenant = $1 and contact.id = given.id
       returning contact.id
     )
     insert into contact.contact (tenant, id, first_name, last_name, email, phone, external_id, opted_out)
     select $1, id, "firstName", "lastName", email, phone, "externalId", coalesce(status = 2, false)
     from given
     where id not in (select id from updated)`,
    [tenant, JSON.stringify(given)],
  );
}
