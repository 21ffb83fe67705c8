/**
 * `event.addOrUpdateEvent` `{"id"?, "name", "externalEventId"?, "races"?: [{"id"?, "name"}]}` → `{"id",
 * "races": [{"id", "name"}]}` (docs/systems.md, iVvy).
 *
 * - An id that the caller gives is kept: that event is added or updated. Without an id the event with the
 *   same externalEventId is updated. If there is none, an event is added and gets the tenant's next id. It is
 *   higher than every id generated before, and than every given id up to 2^52; higher given ids are skipped.
 *   So callers cannot use up the ids. The ids of races follow the same rules. An externalEventId belongs to
 *   one event within the tenant.
 * - A race with an id is added to the event or renamed; the job fails when the race belongs to another event.
 *   A race without an id is the event's race of that name, or a new one. Races that are not named stay.
 * - An absent externalEventId leaves the stored value, null clears it.
 * - The response has all races of the event: those of the request in its order, then the others by id.
 */
import { defineAction, NonRetryableError, type Sql } from 'batchwright/plugin';
import type { AddOrUpdateEvent } from '#schemas/event/addOrUpdateEvent.ts';
import {
  findByExternalId,
  findRaces,
  lockCounter,
  storeCounter,
  storeEvent,
  storeRaces,
} from './lib/event-rows.ts';
import { counted, nextIds } from './lib/new-ids.ts';
import { mergeRaces, type Race } from './lib/races.ts';

export default defineAction<AddOrUpdateEvent>({
  summary: 'Add an event with its races, or update it',
  example: {
    name: 'City Run',
    externalEventId: 'city-run-2026',
    races: [{ name: '10 km' }, { name: '5 km' }],
  },
  transactional: true,
  async run({ races = [], ...event }, { sql, tenant }) {
    const counter = await lockCounter(sql, tenant);
    const existing = await existingId(sql, tenant, event);
    const [newId] = existing
      ? []
      : await nextIds(sql, tenant, 'event', { last: counter.lastEventId, count: 1 });
    const id = existing ?? (newId as number);

    const given = races.flatMap((race) => race.id ?? []);
    const last = counted(counter.lastRaceId, given);
    const newRaceIds = await nextIds(sql, tenant, 'race', {
      last,
      given,
      count: races.length - given.length,
    });
    const known = await findRaces(sql, tenant, id, given);
    const { asked, others, lastNewId } = mergeRaces(id, known, races, newRaceIds);

    await storeEvent(sql, tenant, { ...event, id });
    if (asked.length > 0) await storeRaces(sql, tenant, asked);
    await storeCounter(sql, tenant, {
      lastEventId: newId ?? counted(counter.lastEventId, [id]),
      lastRaceId: lastNewId ?? last,
    });
    return { id, races: [...asked, ...others].map(shown) };
  },
});

/** The id of the event, given or found; undefined when the event is new. */
async function existingId(
  sql: Sql,
  tenant: string,
  { id, externalEventId }: { id?: number; externalEventId?: string | null },
): Promise<number | undefined> {
  if (externalEventId === undefined || externalEventId === null) return id;
  const found = await findByExternalId(sql, tenant, externalEventId);
  if (found !== null && id !== undefined && found !== id)
    throw new NonRetryableError(`The externalEventId "${externalEventId}" belongs to event ${found}`);
  return id ?? found ?? undefined;
}

function shown({ id, name }: Race): { id: number; name: string } {
  return { id, name };
}
