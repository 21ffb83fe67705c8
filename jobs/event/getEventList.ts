/**
 * `event.getEventList` `{"start"?, "perPage"?, "filter"?}` → `{"meta": {"totalResults", "start", "perPage",
 * "count"}, "results": [{"id", "code", "title", "externalEventId", "startDateTime", "endDateTime",
 * "numRegistered", "createdDate", "modifiedDate"}]}`, sorted by id (docs/systems.md, iVvy).
 *
 * - Pages and filters are those of every list: jobs/lib/lists.ts. `afterDate` is a start at that time or later,
 *   `beforeDate` an end at that time or earlier.
 * - numRegistered is the number of invited contacts that have answered yes.
 */
import { defineAction } from 'batchwright/plugin';
import { type GetEventList, shortcuts } from '#schemas/event/getEventList.ts';
import { collection, conditionsOf, pageOf } from '../lib/lists.ts';
import { countEvents, EVENT_COLUMNS, listEvents } from './lib/event-list-rows.ts';

export default defineAction<GetEventList>({
  summary: 'List events',
  example: { start: 0, perPage: 100, filter: { title__CONTAINS: 'run' } },
  async run(params, { sql, tenant }) {
    const page = pageOf(params);
    const conditions = conditionsOf(params.filter ?? {}, EVENT_COLUMNS, [tenant], shortcuts);
    const total = await countEvents(sql, conditions);
    return collection(total, page, await listEvents(sql, conditions, page));
  },
});
