/** The actions of events and races, as Tracx's records. */

import type { RouteTools } from 'batchwright/plugin';
import type { Request } from 'express';
import type { Collection, GetRecords } from './lists.ts';

interface EventRecord {
  id: number;
  title: string;
  createdDate: string;
  modifiedDate: string;
}

interface RaceRecord {
  id: number;
  eventId: number;
  name: string;
  createdDate: string;
  modifiedDate: string;
}

/** Gets the tenant's events. */
export function eventRecords({ call }: RouteTools, request: Request): GetRecords {
  return async (start, perPage) => {
    const { meta, results } = (await call(request, 'event.getEventList', { start, perPage })) as {
      results: EventRecord[];
    } & Collection;
    const items = results.map(({ id, title, createdDate, modifiedDate }) => ({
      id,
      name: title,
      created_at: withoutZone(createdDate),
      updated_at: withoutZone(modifiedDate),
    }));
    return { meta, results: items };
  };
}

/** Gets the races of an event, or of all events when `eventId` is undefined. */
export function raceRecords({ call }: RouteTools, request: Request, eventId: number | undefined): GetRecords {
  return async (start, perPage) => {
    const params = { ...(eventId === undefined ? {} : { eventId }), start, perPage };
    const { meta, results } = (await call(request, 'event.getRaceList', params)) as {
      results: RaceRecord[];
    } & Collection;
    const items = results.map(({ id, eventId: event_id, name, createdDate, modifiedDate }) => ({
      id,
      event_id,
      name,
      created_at: withoutZone(createdDate),
      updated_at: withoutZone(modifiedDate),
    }));
    return { meta, results: items };
  };
}

/** `2026-11-25 22:47:42 UTC` without its end: Tracx's times are UTC without saying so. */
function withoutZone(date: string): string {
  return date.replace(/ UTC$/, '');
}
