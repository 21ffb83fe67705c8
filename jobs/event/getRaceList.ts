/**
 * `event.getRaceList` `{"eventId"?, "start"?, "perPage"?}` → `{"meta", "results": [{"id", "eventId", "name",
 * "createdDate", "modifiedDate"}]}`: the races of the event, or of all events, sorted by id. Races are ours
 * (docs/systems.md, iVvy). An unknown event fails the job with 404.
 */
import { defineAction } from 'batchwright/plugin';
import type { GetRaceList } from '#schemas/event/getRaceList.ts';
import { collection, pageOf } from '../lib/lists.ts';
import { eventTitle } from './lib/event-rows.ts';
import { countRaces, listRaces } from './lib/race-rows.ts';

export default defineAction<GetRaceList>({
  summary: 'List the races of an event, or of all events',
  example: { eventId: 1 },
  async run({ eventId, ...params }, { sql, tenant }) {
    if (eventId !== undefined) await eventTitle(sql, tenant, eventId);
    const page = pageOf(params);
    const total = await countRaces(sql, tenant, eventId);
    return collection(total, page, await listRaces(sql, tenant, eventId, page));
  },
});
