/**
 * `event.getEvent` `{"id"}` → the event, as in `event.getEventList` (docs/systems.md, iVvy). An unknown id fails
 * the job with 404.
 */
import { defineAction } from 'batchwright/plugin';
import type { GetEvent } from '#schemas/event/getEvent.ts';
import { conditionsOf } from '../lib/lists.ts';
import { EVENT_COLUMNS, listEvents } from './lib/event-list-rows.ts';
import { unknownEvent } from './lib/event-rows.ts';

export default defineAction<GetEvent>({
  summary: 'Return an event',
  example: { id: 1 },
  async run({ id }, { sql, tenant }) {
    const conditions = conditionsOf({ id }, EVENT_COLUMNS, [tenant]);
    const [event] = await listEvents(sql, conditions, { start: 0, perPage: 1 });
    if (!event) throw unknownEvent(id);
    return event;
  },
});
