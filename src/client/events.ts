/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */

import { ConnectionError } from './errors.ts';
import { linesOf } from './lines.ts';
import { batchPath } from './paths.ts';
import type { Batch } from './resources/batch.ts';
import { type Transport, withQuery } from './transport.ts';

export interface BatchEvent {
  /** `gone` when the batch was deleted. */
  name: 'progress' | 'finished' | 'gone';
  id: string;
  /** Of one that is gone, only the asyncId. */
  batch: Batch;
}

/** A server sends the first event at once, and a heartbeat every 15 s: something holds the events back. */
export class HeldBackError extends ConnectionError {}

const FIRST_MS = 5_000;
const SILENT_MS = 40_000;

/**
 * The events of one connection. Throws ApiError and ConnectionError; ends without `finished` when the server
 * closes the connection.
 *
 * @param options.onOpen called when the connection stands
 * @param options.seen the id of the last event: the server sends nothing until the batch has changed since
 */
export async function* batchEvents(
  transport: Transport,
  asyncId: string,
  options: EventOptions,
): AsyncGenerator<BatchEvent> {
  for await (const event of rawEvents(transport, `${batchPath(asyncId)}/events`, options))
    yield toEvent(event);
}

/**
 * The events of several batches over one connection, which stays open when all have ended. Throws the same.
 *
 * @param options.newest also the newest batches of the tenant
 */
export async function* eventsOfMany(
  transport: Transport,
  asyncIds: readonly string[],
  options: EventOptions & { newest: boolean },
): AsyncGenerator<BatchEvent> {
  const batches = asyncIds.length > 0 ? asyncIds.join(',') : undefined;
  const newest = options.newest ? 'true' : undefined;
  const path = withQuery('/v1/events', { batches, newest });
  for await (const event of rawEvents(transport, path, options)) yield toEvent(event);
}

interface EventOptions {
  seen?: string | undefined;
  signal?: AbortSignal | undefined;
  onOpen: () => void;
}

/** An event as it was sent. */
export interface RawEvent {
  name: string;
  id: string;
  data: string;
}

/** The events of one connection. Throws the same. */
export async function* rawEvents(
  transport: Transport,
  path: string,
  { seen, signal, onOpen }: EventOptions,
): AsyncGenerator<RawEvent> {
  const headers = { accept: 'text/event-stream', 'last-event-id': seen };
  const answer = await transport.open({ path, headers, signal });
  const isStream = answer.response.headers.get('content-type')?.startsWith('text/event-stream');
  let isHeldBack = !isStream;
  const giveUp = () => {
    isHeldBack = true;
    answer.close();
  };
  let timer = setTimeout(giveUp, seen === undefined ? FIRST_MS : SILENT_MS);
  onOpen();
  const touch = () => {
    answer.touch();
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENT_MS);
  };
  const lines = linesOf({ response: answer.response, touch });
  let fields: Record<string, string> = {};
  try {
    for (;;) {
      if (isHeldBack) throw new HeldBackError('the events do not come through');
      const next = await lines.next().catch((error) => {
        throw isHeldBack ? new HeldBackError('the events are held back') : answer.explain(error);
      });
      if (next.done) return;
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(next.value) ?? [];
      const isMore = name === 'data' && fields.data !== undefined;
      if (next.value !== '') fields[name] = isMore ? `${fields.data}\n${value}` : value;
      else if (fields.event !== undefined) {
        const { event, id = '', data = 'null' } = fields;
        yield { name: event, id, data };
        fields = {};
      }
    }
  } finally {
    clearTimeout(timer);
    answer.close();
  }
}

function toEvent({ name, id, data }: RawEvent): BatchEvent {
  return { name: name as BatchEvent['name'], id, batch: JSON.parse(data) };
}
