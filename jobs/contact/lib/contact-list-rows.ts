/** The statements that show contacts: `contact.getContactList` and `contact.getContact`. */
import type { Sql } from 'batchwright/plugin';
import { fields } from '#schemas/contact/getContactList.ts';
import { type Conditions, columnsOf, type Page } from '../../lib/lists.ts';
import { shownInUtc } from '../../lib/timestamps.ts';

/** Dates are `YYYY-MM-DD HH:mm:ss UTC`. */
export interface ListedContact {
  id: number;
  firstName: string;
  lastName: string;
  email: string;
  phone: string | null;
  status: 1 | 2;
  externalId: string | null;
  createdDate: string;
  modifiedDate: string;
}

const STATUS = 'case when opted_out then 2 else 1 end';

/** The columns behind the names of a filter. */
export const CONTACT_COLUMNS = columnsOf(fields, {
  id: 'id',
  firstName: 'first_name',
  lastName: 'last_name',
  email: 'email',
  phone: 'phone',
  status: STATUS,
  externalId: 'external_id',
  createdDate: 'created_at',
  modifiedDate: 'updated_at',
});

/** @param conditions begin after the tenant, $1 */
export async function countContacts(sql: Sql, conditions: Conditions): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `select count(*) as count from contact.contact where tenant = $1${conditions.sql}`,
    conditions.values,
  );
  return rows[0]?.count ?? 0;
}

/**
 * A page of contacts, sorted by id.
 *
 * @param conditions begin after the tenant, $1
 */
export async function listContacts(sql: Sql, conditions: Conditions, page: Page): Promise<ListedContact[]> {
  const { sql: filter, values } = conditions;
  const { rows } = await sql.query<ListedContact>(
    `select id, first_name as "firstName", last_name as "lastName", email, phone, ${STATUS} as status,
       external_id as "externalId",
       ${shownInUtc('created_at')} as "createdDate", ${shownInUtc('updated_at')} as "modifiedDate"
     from contact.contact
     where tenant = $1${filter}
     order by id
     offset $${values.length + 1} limit $${values.length + 2}`,
    [...values, page.start, page.perPage],
  );
  return rows;
}
