/**
 * `event.getInvitedContactList` `{"eventId", "start"?, "perPage"?}` → `{"meta": {"totalResults", "start",
 * "perPage", "count"}, "results": [{"eventId", "contactId", "firstName", "lastName", "email", "phone",
 * "response": "U"|"Y"|"N", "registrationId", "modifiedDate"}]}` (docs/systems.md, iVvy).
 *
 * - Sorted by contact id, from the zero-based record `start` (0 when absent), at most `perPage` of them: 100
 *   when absent, 1,000 at most. `count` is the number of results in this answer.
 * - modifiedDate is `YYYY-MM-DD HH:mm:ss`, UTC: when the contact was invited or last changed the answer.
 *   registrationId is null: there are no registrations here.
 * - An unknown event fails the job.
 */
import { defineAction } from 'batchwright/plugin';
import type { GetInvitedContactList } from '#schemas/event/getInvitedContactList.ts';
import { eventName } from './lib/event-rows.ts';
import { countInvited, listInvited } from './lib/invitation-rows.ts';

export default defineAction<GetInvitedContactList>({
  summary: 'List the contacts invited to an event, with their answers',
  example: { eventId: 1, start: 0, perPage: 100 },
  async run({ eventId, start = 0, perPage = 100 }, { sql, tenant }) {
    await eventName(sql, tenant, eventId);
    const totalResults = await countInvited(sql, tenant, eventId);
    const results = await listInvited(sql, tenant, eventId, { start, perPage });
    return { meta: { totalResults, start, perPage, count: results.length }, results };
  },
});
