import { NonRetryableError } from 'batchwright/plugin';

export interface Race {
  id: number;
  eventId: number;
  name: string;
}

interface MergedRaces {
  /** In the order of the request, each once. */
  asked: Race[];
  /** The event's other races, by id. */
  others: Race[];
  /** The last of the new ids that was used; undefined when none was. */
  lastNewId: number | undefined;
}

/**
 * Decides which race each requested one is. With an id it is that race, added or renamed. Without an id it is
 * the event's race of that name (of several, the one with the lowest id), or a new one.
 *
 * @param known the event's races and those of other events that have one of the ids, sorted by id
 * @param newIds ids for new races, as many as could be needed
 * @throws NonRetryableError when an id belongs to another event's race
 */
export function mergeRaces(
  eventId: number,
  known: readonly Race[],
  asked: readonly { id?: number; name: string }[],
  newIds: readonly number[],
): MergedRaces {
  const foreign = new Map(known.filter((race) => race.eventId !== eventId).map((race) => [race.id, race]));
  const own = new Map(known.filter((race) => race.eventId === eventId).map((race) => [race.id, race]));
  const merged = new Map<number, Race>();
  let taken = 0;

  for (const { id: given, name } of asked) {
    const owner = given === undefined ? undefined : foreign.get(given)?.eventId;
    if (owner !== undefined) throw new NonRetryableError(`Race ${given} belongs to event ${owner}`);
    const id = given ?? idOfName(own, name) ?? (newIds[taken++] as number);
    const race = { id, eventId, name };
    own.set(id, race);
    merged.set(id, race);
  }
  const others = [...own.values()].filter(({ id }) => !merged.has(id));
  return { asked: [...merged.values()], others, lastNewId: newIds[taken - 1] };
}

function idOfName(races: ReadonlyMap<number, Race>, name: string): number | undefined {
  for (const race of races.values()) if (race.name === name) return race.id;
  return undefined;
}
