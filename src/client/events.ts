/** Server-sent events of batches. https://html.spec.whatwg.org/multipage/server-sent-events.html */

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
export function batchEvents(
  transport: Transport,
  asyncId: string,
  options: EventOptions,
): AsyncGenerator<BatchEvent> {
  return eventsOf(transport, `${batchPath(asyncId)}/events`, options);
}

/**
 * The events of several batches over one connection, which stays open when all have ended. Throws the same.
 *
 * @param options.newest also the newest batches of the tenant
 */
export function eventsOfMany(
  transport: Transport,
  asyncIds: readonly string[],
  options: EventOptions & { newest: boolean },
): AsyncGenerator<BatchEvent> {
  const batches = asyncIds.length > 0 ? asyncIds.join(',') : undefined;
  const newest = options.newest ? 'true' : undefined;
  return eventsOf(transport, withQuery('/v1/events', { batches, newest }), options);
}

interface EventOptions {
  seen?: string | undefined;
  signal?: AbortSignal | undefined;
  onOpen: () => void;
}

async function* eventsOf(
  transport: Transport,
  path: string,
  { seen, signal, onOpen }: EventOptions,
): AsyncGenerator<BatchEvent> {
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
      if (isHeldBack) throw new HeldBackError('the events of the batch do not come through');
      const next = await lines.next().catch((error) => {
        throw isHeldBack ? new HeldBackError('the events of the batch are held back') : answer.explain(error);
      });
      if (next.done) return;
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(next.value) ?? [];
      if (next.value !== '') fields[name] = value;
      else if (fields.event !== undefined) {
        yield toEvent(fields);
        fields = {};
      }
    }
  } finally {
    clearTimeout(timer);
    answer.close();
  }
}

function toEvent({ event, id = '', data = 'null' }: Record<string, string>): BatchEvent {
  return { name: event as BatchEvent['name'], id, batch: JSON.parse(data) };
}
