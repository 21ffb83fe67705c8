/** The statements on `contact.contact`. */
import type { Sql } from 'batchwright/plugin';

/** An absent `phone` or `optedOut` leaves the stored value. */
export interface ContactRow {
  id: number;
  firstName: string;
  lastName: string;
  email: string;
  phone?: string | null;
  optedOut?: boolean;
}

/**
 * Adds or updates contacts with different ids. Lock the tenant's counter first: this reads before it writes.
 */
export async function storeContacts(sql: Sql, tenant: string, contacts: ContactRow[]): Promise<void> {
  const given = contacts.map((contact) => ({ ...contact, phoneGiven: contact.phone !== undefined }));
  await sql.query(
    `with given as (
       select * from json_to_recordset($2::json) as row (
         id bigint, "firstName" text, "lastName" text, email text,
         phone text, "phoneGiven" boolean, "optedOut" boolean
       )
     ), updated as (
       update contact.contact
       set first_name = given."firstName", last_name = given."lastName", email = given.email,
         phone = case when given."phoneGiven" then given.phone else contact.phone end,
         opted_out = coalesce(given."optedOut", contact.opted_out),
         updated_at = now()
       from given
       where contact.tenant = $1 and contact.id = given.id
       returning contact.id
     )
     insert into contact.contact (tenant, id, first_name, last_name, email, phone, opted_out)
     select $1, id, "firstName", "lastName", email, phone, coalesce("optedOut", false)
     from given
     where id not in (select id from updated)`,
    [tenant, JSON.stringify(given)],
  );
}
