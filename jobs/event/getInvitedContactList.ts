/**
 * `event.getInvitedContactList` `{"eventId", "start"?, "perPage"?, "filter"?}` → `{"meta": {"totalResults",
 * "start", "perPage", "count"}, "results": [{"eventId", "contactId", "firstName", "lastName", "email", "phone",
 * "response": "U"|"Y"|"N", "registrationId", "modifiedDate"}]}`, sorted by contact id (docs/systems.md, iVvy).
 *
 * - Pages and filters are those of every list: jobs/lib/lists.ts.
 * - modifiedDate is when the contact was invited or last changed the answer. registrationId is null: there are
 *   no registrations here.
 * - An unknown event fails the job with 404.
 */
import { defineAction } from 'batchwright/plugin';
import type { GetInvitedContactList } from '#schemas/event/getInvitedContactList.ts';
import { collection, conditionsOf, pageOf } from '../lib/lists.ts';
import { eventTitle } from './lib/event-rows.ts';
import { countInvited, INVITED_COLUMNS, listInvited } from './lib/invited-contact-rows.ts';

export default defineAction<GetInvitedContactList>({
  summary: 'List the contacts invited to an event, with their answers',
  example: { eventId: 1, start: 0, perPage: 100, filter: { response: 'Y' } },
  async run({ eventId, filter = {}, ...params }, { sql, tenant }) {
    await eventTitle(sql, tenant, eventId);
    const page = pageOf(params);
    const conditions = conditionsOf(filter, INVITED_COLUMNS, [tenant, eventId]);
    const total = await countInvited(sql, conditions);
    return collection(total, page, await listInvited(sql, conditions, page));
  },
});
