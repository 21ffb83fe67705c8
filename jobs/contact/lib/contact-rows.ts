/** The statements that read and write `contact.contact`; those of its list are in contact-list-rows.ts. */
import type { Sql } from 'batchwright/plugin';
import type { Contact, Names } from './contact-request.ts';

export interface ContactRow extends Contact {
  id: number;
}

/** Those of the contacts that exist. */
export async function findContacts(sql: Sql, tenant: string, ids: readonly number[]): Promise<ContactRow[]> {
  const { rows } = await sql.query<ContactRow>(
    `select id, first_name as "firstName", last_name as "lastName", email, phone,
       case when opted_out then 2 else 1 end as status, external_id as "externalId"
     from contact.contact where tenant = $1 and id = any ($2::bigint[])`,
    [tenant, ids],
  );
  return rows;
}

/**
 * The contacts with these names, compared without case: by the position of the names, the lowest id that is not
 * excluded.
 */
export async function findIdsByNames(
  sql: Sql,
  tenant: string,
  names: readonly (Names | undefined)[],
  excludedIds: readonly number[],
): Promise<Map<number, number>> {
  const asked = names.flatMap((one, position) => (one ? [{ ...one, position }] : []));
  const { rows } = await sql.query<{ position: number; id: number }>(
    // One look into the index for each of the names, which the limit enforces; 003_details.sql says why the tenant
    // is written so.
    `select asked.position, found.id
     from json_to_recordset($2::json) as asked (
       position integer, "firstName" text, "lastName" text, email text
     )
     cross join lateral (
       select contact.id from contact.contact
       where contact.tenant || '' = $1
         and lower(contact.email) = lower(asked.email)
         and lower(contact.first_name) = lower(asked."firstName")
         and lower(contact.last_name) = lower(asked."lastName")
         and contact.id <> all ($3::bigint[])
       order by contact.id
       limit 1
     ) as found`,
    [tenant, JSON.stringify(asked), excludedIds],
  );
  return new Map(rows.map(({ position, id }) => [position, id]));
}

/** Adds or updates contacts with different ids. Lock the tenant's counter before reading what is updated. */
export async function storeContacts(sql: Sql, tenant: string, contacts: ContactRow[]): Promise<void> {
  await sql.query(
    `insert into contact.contact (tenant, id, first_name, last_name, email, phone, external_id, opted_out)
     select $1, id, "firstName", "lastName", email, phone, "externalId", status = 2
     from json_to_recordset($2::json) as row (
       id bigint, "firstName" text, "lastName" text, email text, phone text, "externalId" text, status integer
     )
     on conflict (tenant, id) do update set
       first_name = excluded.first_name,
       last_name = excluded.last_name,
       email = excluded.email,
       phone = excluded.phone,
       external_id = excluded.external_id,
       opted_out = excluded.opted_out,
       updated_at = now()`,
    [tenant, JSON.stringify(contacts)],
  );
}
