/**
 * `participants.storeMultiple` `{"event_id", "participants": [{…}]}` → `{"stored", "inserted", "updated"}`:
 * at most 100,000 participants of one event, inserted or updated by their `unique_id`, all or none
 * (docs/systems.md, Tracx Connect; the field rules are in the schema).
 *
 * - The event and every race named must exist; otherwise the job fails and names the rows.
 * - An absent optional field leaves the stored value; null clears it. country_code is stored in upper case.
 * - Of several rows with one unique_id the later updates the earlier; they count as one. An empty array
 *   stores nothing.
 */
import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Participant, StoreMultiple } from '#schemas/participants/storeMultiple.ts';
import { raceIds } from '../lib/events.ts';
import { lockImports, type OptionalField, sentFields, storeParticipants } from './lib/participant-rows.ts';

const SLICE = 2000;
const MAX_NAMED_ROWS = 100;

export default defineAction<StoreMultiple>({
  summary: 'Insert or update participants of an event',
  example: {
    event_id: 1,
    participants: [
      {
        unique_id: '1',
        first_name: 'John',
        last_name: 'Doe',
        date_of_birth: '2001-01-01',
        race_id: 1,
        country_code: 'nl',
        chip_code: '0000001',
      },
    ],
  },
  transactional: true,
  timeoutSeconds: 300,
  // Each may hold 100,000 rows in memory.
  concurrency: 2,
  async run({ event_id, participants }, { sql, tenant, signal, progress }) {
    const races = await raceIds(sql, tenant, event_id);
    refuseUnknownRaces(participants, races, event_id);

    const distinct = oneOfEach(participants);
    await lockImports(sql, tenant, event_id);
    const counts = { stored: 0, inserted: 0, updated: 0 };
    for (const { slice, sent } of slices(distinct)) {
      signal.throwIfAborted();
      const { inserted, updated } = await storeParticipants(sql, tenant, event_id, slice, sent);
      counts.inserted += inserted;
      counts.updated += updated;
      counts.stored += slice.length;
      progress(counts.stored, distinct.length);
    }
    return counts;
  },
});

function refuseUnknownRaces(
  participants: readonly Participant[],
  races: ReadonlySet<number>,
  eventId: number,
): void {
  const messages: string[] = [];
  let count = 0;
  for (const [index, { race_id }] of participants.entries()) {
    if (races.has(race_id)) continue;
    count += 1;
    if (count <= MAX_NAMED_ROWS)
      messages.push(`participants[${index}].race_id ${race_id} is not a race of event ${eventId}`);
  }
  if (count === 0) return;
  if (count > MAX_NAMED_ROWS) messages.push(`and ${count - MAX_NAMED_ROWS} more`);
  throw new NonRetryableError(`${count} participants name a race that event ${eventId} does not have`, {
    additionalMessages: messages,
  });
}

/** One row for each unique_id, as if each later row had updated the earlier one. */
function oneOfEach(participants: readonly Participant[]): Participant[] {
  const byUniqueId = new Map<string, Participant>();
  for (const participant of participants) {
    const earlier = byUniqueId.get(participant.unique_id);
    byUniqueId.set(participant.unique_id, earlier ? { ...earlier, ...participant } : participant);
  }
  return [...byUniqueId.values()];
}

/** Splits the participants into runs of rows with the same optional fields: one statement each. */
function* slices(
  participants: readonly Participant[],
): Generator<{ slice: Participant[]; sent: OptionalField[] }> {
  for (let start = 0; start < participants.length; start += SLICE) {
    const rows = participants.slice(start, start + SLICE);
    const groups = Map.groupBy(rows, (participant) => sentFields(participant).join());
    for (const slice of groups.values()) yield { slice, sent: slice[0] ? sentFields(slice[0]) : [] };
  }
}
