/**
 * `redjade.listParticipants` `{"external_event_id", "start"?, "perPage"?}` → `{"meta": {"totalResults", "start",
 * "perPage", "count"}, "results": [{"id", "external_id", "email", "first_name", "last_name", "locale",
 * "demographics"}]}`: the participants of an event that imports have stored (ours; docs/systems.md, RedJade).
 *
 * - By id, from the zero-based record `start` (0 when absent), at most `perPage` of them: 100 when absent, 1,000 at
 *   most. `count` may be less, because a response has at most 1 MiB: go on at `start + count`.
 * - An unknown event fails the job with 404.
 */
import { defineAction } from 'batchwright/plugin';
import type { ListParticipants } from '#schemas/redjade/listParticipants.ts';
import { collection } from '../lib/lists.ts';
import { requireEvent } from './lib/event-rows.ts';
import { countParticipants, listParticipants, type Participant } from './lib/participant-rows.ts';

/** Below the limit of a job's response, with room for meta. */
const MAX_BYTES = 1000 * 1024;

export default defineAction<ListParticipants>({
  summary: 'List the imported participants of an event',
  example: { external_event_id: 24, start: 0, perPage: 100 },
  async run({ external_event_id, start = 0, perPage = 100 }, { sql, tenant }) {
    const eventId = await requireEvent(sql, tenant, external_event_id);
    const totalResults = await countParticipants(sql, tenant, eventId);
    const results = fitting(await listParticipants(sql, tenant, eventId, { start, perPage }));
    return collection(totalResults, { start, perPage }, results);
  },
});

/** As many of the first participants as a response can have; at least one. */
function fitting(participants: readonly Participant[]): Participant[] {
  let bytes = 0;
  const end = participants.findIndex((participant, index) => {
    bytes += Buffer.byteLength(JSON.stringify(participant)) + 1;
    return bytes > MAX_BYTES && index > 0;
  });
  return participants.slice(0, end === -1 ? undefined : end);
}
