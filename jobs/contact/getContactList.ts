/**
 * `contact.getContactList` `{"start"?, "perPage"?, "filter"?}` → `{"meta": {"totalResults", "start", "perPage",
 * "count"}, "results": [{"id", "firstName", "lastName", "email", "phone", "status", "externalId",
 * "createdDate", "modifiedDate"}]}`, sorted by id (docs/systems.md, iVvy).
 *
 * - Pages and filters are those of every list: jobs/lib/lists.ts. `fromModifiedDate` and `toModifiedDate` include
 *   that time.
 * - The status is 1, subscribed, or 2, unsubscribed.
 */
import { defineAction } from 'batchwright/plugin';
import { type GetContactList, shortcuts } from '#schemas/contact/getContactList.ts';
import { collection, conditionsOf, pageOf } from '../lib/lists.ts';
import { CONTACT_COLUMNS, countContacts, listContacts } from './lib/contact-list-rows.ts';

export default defineAction<GetContactList>({
  summary: 'List contacts',
  example: { start: 0, perPage: 100, filter: { firstName: 'Ada' } },
  async run(params, { sql, tenant }) {
    const page = pageOf(params);
    const conditions = conditionsOf(params.filter ?? {}, CONTACT_COLUMNS, [tenant], shortcuts);
    const total = await countContacts(sql, conditions);
    return collection(total, page, await listContacts(sql, conditions, page));
  },
});
