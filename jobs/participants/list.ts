/**
 * `participants.list` `{"event_id", "start"?, "perPage"?}` → `{"meta": {"totalResults", "start", "perPage",
 * "count"}, "results": [{…}]}`: the participants of an event, each as in the response of `participants.store`.
 *
 * - Sorted by unique_id, from the zero-based record `start` (0 when absent), at most `perPage` of them: 100
 *   when absent, 200 at most. `count` is the number of results in this answer.
 * - An unknown event fails the job with 404.
 */
import { defineAction } from 'batchwright/plugin';
import type { List } from '#schemas/participants/list.ts';
import { unknownEvent } from '../lib/events.ts';
import { collection } from '../lib/lists.ts';
import { countParticipants, eventExists, listParticipants } from './lib/participant-rows.ts';

export default defineAction<List>({
  summary: 'List the participants of an event',
  example: { event_id: 1, start: 0, perPage: 100 },
  async run({ event_id, start = 0, perPage = 100 }, { sql, tenant }) {
    if (!(await eventExists(sql, tenant, event_id))) throw unknownEvent(event_id);
    const totalResults = await countParticipants(sql, tenant, event_id);
    const results = await listParticipants(sql, tenant, event_id, { start, perPage });
    return collection(totalResults, { start, perPage }, results);
  },
});
