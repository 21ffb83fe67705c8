/**
 * `event.addOrUpdateEvent` `{"id"?, "title" or "name", "code"?, "externalEventId"?, "startDateTime"?,
 * "endDateTime"?, "races"?: [{"id"?, "name"}]}` → `{"success": true, "id", "code", "races": [{"id", "name"}]}`
 * (docs/systems.md, iVvy).
 *
 * - An id that the caller gives is kept: that event is added or updated. Without an id the event with the
 *   same externalEventId is updated. If there is none, an event is added and gets the tenant's next id. It is
 *   higher than every id generated before, and than every given id up to 2^52; higher given ids are skipped.
 *   So callers cannot use up the ids. The ids of races follow the same rules.
 * - An update changes what is sent; null clears an externalEventId or a date. A new event needs a title, and
 *   gets a code when none is sent. A code and an externalEventId belong to one event within the tenant.
 * - The end must not be before the start, sent or stored.
 * - A race with an id is added to the event or renamed; the job fails when the race belongs to another event.
 *   A race without an id is the event's race of that name, or a new one. Races that are not named stay.
 * - The response has all races of the event: those of the request in its order, then the others by id.
 */
import { defineAction, type Sql } from 'batchwright/plugin';
import type { AddOrUpdateEvent } from '#schemas/event/addOrUpdateEvent.ts';
import { type Counter, lockCounter, storeCounter } from './lib/counter-rows.ts';
import { findEvents, storeEvent } from './lib/event-rows.ts';
import { mergeEvent } from './lib/events.ts';
import { counted, nextIds } from './lib/new-ids.ts';
import { findRaces, storeRaces } from './lib/race-rows.ts';
import { mergeRaces, type Race } from './lib/races.ts';

export default defineAction<AddOrUpdateEvent>({
  summary: 'Add an event with its races, or update it',
  example: {
    title: 'City Run',
    externalEventId: 'city-run-2026',
    startDateTime: '2026-11-25 08:00:00 UTC',
    races: [{ name: '10 km' }, { name: '5 km' }],
  },
  transactional: true,
  async run({ races: asked = [], ...sent }, { sql, tenant }) {
    const counter = await lockCounter(sql, tenant);
    const { id: knownId, ...event } = mergeEvent(sent, await findEvents(sql, tenant, sent));
    const [newId] =
      knownId === undefined
        ? await nextIds(sql, tenant, 'event', { last: counter.lastEventId, count: 1 })
        : [];
    const id = knownId ?? (newId as number);
    const { races, lastRaceId } = await racesOf(sql, tenant, counter, { id, asked });

    const code = await storeEvent(sql, tenant, { ...event, id });
    if (races.asked.length > 0) await storeRaces(sql, tenant, races.asked);
    await storeCounter(sql, tenant, {
      lastEventId: newId ?? counted(counter.lastEventId, [id]),
      lastRaceId,
    });
    return { success: true, id, code, races: [...races.asked, ...races.others].map(shown) };
  },
});

/** The event's races with the requested ones merged in, and the counter's value after them. */
async function racesOf(
  sql: Sql,
  tenant: string,
  counter: Counter,
  event: { id: number; asked: readonly { id?: number; name: string }[] },
) {
  const { id, asked } = event;
  const given = asked.flatMap((race) => race.id ?? []);
  const last = counted(counter.lastRaceId, given);
  const count = asked.length - given.length;
  const newIds = await nextIds(sql, tenant, 'race', { last, given, count });
  const races = mergeRaces(id, await findRaces(sql, tenant, id, given), asked, newIds);
  return { races, lastRaceId: races.lastNewId ?? last };
}

function shown({ id, name }: Race): { id: number; name: string } {
  return { id, name };
}
