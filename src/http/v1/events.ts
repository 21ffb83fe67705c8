/** Server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Request, Response } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { type AsyncId, isAsyncId, toBatchId } from '../../domain/batch.ts';
import type { WatchedAnswer } from '../../pipeline/read/answer-watch.ts';
import type { BatchView } from '../../pipeline/read/batch-view.ts';
import { type BatchEvent, type BatchWatch, eventOf } from '../../pipeline/read/batch-watch.ts';

/** Keeps proxies from closing an idle connection. */
const HEARTBEAT_MS = 15_000;
/**
 * The interval after the client has ended its side: a client that is gone is noticed when something is sent.
 */
const PROBE_MS = 1_000;
const MAX_BATCHES = 100;

/**
 * Sends the batch whenever it changes and ends with `finished`. Every event contains the whole state, and its
 * id identifies that state: a client that reconnects with Last-Event-ID gets nothing until the state changes.
 */
export function sendEvents(
  watch: Pick<BatchWatch, 'subscribe'>,
  batch: BatchView,
  request: Request,
  response: Response,
): void {
  const seen = request.get('last-event-id');
  const now = eventOf(batch);
  // An EventSource reconnects after every end, unless this answer says that nothing more will come.
  if (now.name === 'finished' && now.id === seen) {
    response.status(204).end();
    return;
  }
  if (!begin(request, response)) return;
  const stream = openStream(response);
  const listener = ({ name, id, data }: BatchEvent) => {
    const text = `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`;
    if (name === 'progress') stream.send('', text);
    // Without a last event the client reconnects, to the next process.
    else stream.end(name === 'closing' ? '' : text);
  };
  response.once('close', watch.subscribe(toBatchId(batch.asyncId), listener, seen));
}

/** The ids in a list with commas; none without a list. Throws `badRequest` for too many, and what is not an id. */
export function asyncIdsOf(list: string | undefined): AsyncId[] {
  if (list === undefined) return [];
  const ids = [...new Set(list?.split(','))];
  if (ids.length > 0 && ids.length <= MAX_BATCHES && ids.every(isAsyncId)) return ids;
  throw new BatchwrightError('badRequest', {
    message: `batches must be 1 to ${MAX_BATCHES} asyncIds, separated by commas`,
  });
}

export interface FollowedBatches {
  asked: readonly AsyncId[];
  /** Those of them that are there. */
  found: ReadonlySet<AsyncId>;
  /** The tenant whose newest batches are sent too; undefined: none are. */
  newestOf: string | undefined;
  /** Answers that are sent too, with their paths. */
  answers: readonly (WatchedAnswer & { path: string })[];
}

/**
 * Sends several batches whenever they change: first as they are, `finished` at the end of each, and `gone` for one that is
 * not there; and answers whenever they change. The stream stays open until the client leaves.
 */
export function sendEventsOfMany(
  watch: BatchWatch,
  { asked, found, newestOf, answers }: FollowedBatches,
  request: Request,
  response: Response,
): void {
  if (!begin(request, response)) return;
  const stream = openStream(response);
  const followed = new FollowedSet(watch, (asyncId, { name, data }) => {
    if (name === 'closing') stream.end('');
    else {
      const text = name === 'gone' ? JSON.stringify({ asyncId }) : data;
      stream.send(asyncId, `event: ${name}\ndata: ${text}\n\n`);
    }
  });
  for (const asyncId of asked) {
    if (found.has(asyncId)) followed.add(asyncId);
    else stream.send(asyncId, `event: gone\ndata: ${JSON.stringify({ asyncId })}\n\n`);
  }
  const leave = newestOf === undefined ? undefined : followNewest(watch, newestOf, followed, stream);
  const leaves = answers.map((answer) =>
    watch.subscribeAnswer(answer, (data) => {
      if (data === 'closing') stream.end('');
      else stream.send(answer.path, `event: answer\n${dataLines(data)}\n\n`);
    }),
  );
  response.once('close', () => {
    leave?.();
    for (const leaveAnswer of leaves) leaveAnswer();
    followed.close();
  });
}

/** JSON of callers may have line breaks between its parts. */
function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n');
}

/** Follows each of the tenant's newest batches that is new, and each that runs again. */
function followNewest(
  watch: BatchWatch,
  tenant: string,
  followed: FollowedSet,
  stream: EventStream,
): () => void {
  // A tenant may have no batch: the client hears at once that nothing holds events back.
  stream.send('', ':\n\n');
  let known: ReadonlyMap<AsyncId, number> = new Map();
  return watch.subscribeNewest(tenant, (newest) => {
    if (newest === 'closing') {
      stream.end('');
      return;
    }
    // The youngest last: it is followed longest.
    for (const { asyncId, generation } of newest.toReversed())
      if (known.get(asyncId) !== generation) followed.add(asyncId);
    known = new Map(newest.map(({ asyncId, generation }) => [asyncId, generation]));
  });
}

/** The batches that a stream follows: the latest of them, when they are too many. */
class FollowedSet {
  readonly #watch: BatchWatch;
  readonly #onEvent: (asyncId: AsyncId, event: BatchEvent) => void;
  /** By id, with the function that unsubscribes. */
  readonly #open = new Map<AsyncId, () => void>();

  constructor(watch: BatchWatch, onEvent: (asyncId: AsyncId, event: BatchEvent) => void) {
    this.#watch = watch;
    this.#onEvent = onEvent;
  }

  add(asyncId: AsyncId): void {
    if (this.#open.has(asyncId)) return;
    const onEvent = (event: BatchEvent) => {
      if (event.name !== 'progress') this.#open.delete(asyncId);
      this.#onEvent(asyncId, event);
    };
    this.#open.set(asyncId, this.#watch.subscribe(toBatchId(asyncId), onEvent));
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_BATCHES && oldest !== undefined) this.#drop(oldest);
  }

  close(): void {
    for (const asyncId of this.#open.keys()) this.#drop(asyncId);
  }

  #drop(asyncId: AsyncId): void {
    this.#open.get(asyncId)?.();
    this.#open.delete(asyncId);
  }
}

/** False when nothing is to be sent behind the head. */
function begin(request: Request, response: Response): boolean {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'no',
  });
  // If the client has already disconnected, `close` will not fire again.
  const isOver = request.method === 'HEAD' || response.destroyed;
  if (isOver) response.end();
  return !isOver;
}

interface EventStream {
  /** Replaces an earlier text under this name that the client has not taken yet. */
  send(name: string, text: string): void;
  end(text: string): void;
}

function openStream(response: Response): EventStream {
  const { socket } = response.req;
  /** Each event contains the whole state: for a client that does not read, only the latest one is kept. */
  const later = new Map<string, string>();
  const send = (name: string, text: string) => {
    if (response.writableEnded) return;
    if (response.writableNeedDrain) later.set(name, text);
    else response.write(text);
  };
  response.on('drain', () => {
    const texts = [...later];
    later.clear();
    for (const [name, text] of texts) send(name, text);
  });
  response.flushHeaders();
  const beat = () => {
    if (!response.writableNeedDrain) response.write(':\n\n');
  };
  let heartbeat = setInterval(beat, HEARTBEAT_MS);
  const probe = () => {
    clearInterval(heartbeat);
    heartbeat = setInterval(beat, PROBE_MS);
  };
  socket.once('end', probe);
  response.once('close', () => {
    clearInterval(heartbeat);
    socket.off('end', probe);
  });
  return {
    send,
    end(text) {
      clearInterval(heartbeat);
      if (!response.writableEnded) response.end(text);
    },
  };
}
