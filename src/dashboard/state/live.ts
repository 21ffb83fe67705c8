/** One stream of events for all that is on the screen. */
import { apiError } from '../../client/errors.ts';
import { HeldBackError, type RawEvent, rawEvents } from '../../client/events.ts';
import { isPassing, pauseMs } from '../../client/retry.ts';
import { sleep } from '../../client/sleep.ts';
import { type Transport, withQuery } from '../../client/transport.ts';
import { membersOf } from './raw.ts';
import { PATIENCE_SECONDS, type Sink } from './resource.ts';
import { noteStatus } from './server.ts';
import { send, transport } from './session.ts';

/** Where events do not come through, everything is asked for. */
const POLL_MS = 5_000;
/** A batch itself: its events come sooner than answers are looked at again. */
const BATCH = /^\/v1\/batches\/([0-9a-f]{32})$/;
const NOT_FOUND = 404;
/** A server that stops ends the stream. */
const AGAIN_MS = 500;

/** By path, who shows its answer. */
const shown = new Map<string, Set<Sink<string>>>();
let control = new AbortController();
let isDue = false;

/**
 * Gives the texts of the answers to a GET of this path, now and after each change. Before the next one arrives, what is
 * shown since and what is no longer shown changes the stream once.
 */
export function follow(path: string, sink: Sink<string>, signal: AbortSignal): void {
  shown.set(path, (shown.get(path) ?? new Set()).add(sink));
  begin();
  signal.addEventListener('abort', () => {
    const sinks = shown.get(path);
    if (!sinks?.delete(sink)) return;
    if (sinks.size === 0) shown.delete(path);
    begin();
  });
}

/** Begins the stream anew, when all parts of the page have said what they show. */
function begin(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    control.abort();
    control = new AbortController();
    const connection = transport.peek();
    if (connection && shown.size > 0) void run(connection, [...shown.keys()], control.signal);
  });
}

async function run(connection: Transport, paths: readonly string[], signal: AbortSignal): Promise<void> {
  let lastAnswerAt = Date.now();
  let failures = 0;
  const onOpen = () => {
    lastAnswerAt = Date.now();
    failures = 0;
  };
  while (!signal.aborted) {
    try {
      for await (const event of rawEvents(connection, addressOf(paths), { signal, onOpen })) give(event);
      await sleep(AGAIN_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof HeldBackError) {
        await askForAll(paths, signal);
        continue;
      }
      failures += 1;
      const isAway = Date.now() - lastAnswerAt > PATIENCE_SECONDS * 1_000;
      if (isAway || !isPassing(error)) {
        for (const path of paths) giveError(path, error);
        return;
      }
      await sleep(pauseMs(failures, error), signal).catch(() => {});
    }
  }
}

function addressOf(paths: readonly string[]): string {
  const ids = paths.flatMap((path) => BATCH.exec(path)?.[1] ?? []);
  // Values in a path are encoded: a comma is between paths only.
  const others = paths.filter((path) => !BATCH.test(path));
  const listOf = (list: readonly string[]) => (list.length > 0 ? list.join(',') : undefined);
  return withQuery('/v1/events', { batches: listOf(ids), paths: listOf(others) });
}

function give({ name, data }: RawEvent): void {
  if (name === 'answer') {
    const [path = '""', status = '0', text = ''] = membersOf(data, ['path', 'status', 'answer']);
    giveAnswer(JSON.parse(path), Number(status), text);
    return;
  }
  const { asyncId } = JSON.parse(data);
  giveAnswer(`/v1/batches/${asyncId}`, name === 'gone' ? NOT_FOUND : 200, data);
}

function giveAnswer(path: string, status: number, text: string): void {
  noteStatus(status);
  if (status >= 400) giveError(path, apiError(new Response(null, { status }), text));
  else for (const sink of shown.get(path) ?? []) sink.onData(text);
}

function giveError(path: string, error: unknown): void {
  for (const sink of shown.get(path) ?? []) sink.onError(error);
}

async function askForAll(paths: readonly string[], signal: AbortSignal): Promise<void> {
  for (const path of paths)
    await send(path, { signal })
      .then(async (answer) => giveAnswer(path, answer.status, await answer.text()))
      .catch((error) => {
        if (!signal.aborted) giveError(path, error);
      });
  await sleep(POLL_MS, signal).catch(() => {});
}
