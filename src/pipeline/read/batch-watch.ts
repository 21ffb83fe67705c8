/** Sends the progress of batches to any number of listeners, with one query per tick for all of them. */
import { createHash } from 'node:crypto';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Pool } from 'pg';
import { hasEnded, toBatchId } from '../../domain/batch.ts';
import { batchesWithProgress } from '../../store/batch-list.ts';
import { type AnswerListener, AnswerWatch, type WatchedAnswer } from './answer-watch.ts';
import { type BatchView, toView } from './batch-view.ts';
import { type NewestListener, NewestWatch } from './newest-watch.ts';
import { allWithWaiting } from './waiting.ts';

export interface BatchWatch {
  /**
   * Calls back with the current batch unless `seen` is its event's id, after every change, and a last time
   * when it has ended. Returns a function that unsubscribes.
   */
  subscribe(batchId: string, listener: Listener, seen?: string): () => void;
  /** Calls back about once a second with the newest batches of the tenant. Returns a function that unsubscribes. */
  subscribeNewest(tenant: string, listener: NewestListener): () => void;
  /** Calls back with an answer of the API as it changes. Returns a function that unsubscribes. */
  subscribeAnswer(answer: WatchedAnswer, listener: AnswerListener): () => void;
  /** Sends `closing` to every listener and ends all subscriptions. */
  close(): void;
}

export interface BatchEvent {
  /** The last three are sent once: `gone` when the batch was deleted, `closing` when this process stops. */
  name: 'progress' | 'finished' | 'gone' | 'closing';
  /** Equal for equal events of the same batch, in every process. */
  id: string;
  /** JSON text: the batch, or null when it is gone. */
  data: string;
}

type Listener = (event: BatchEvent) => void;

/** Progress is sent at most four times a second. The pause counts from the end of the previous tick. */
const TICK_MS = 250;
/** The newest batches of tenants are looked for in every fourth tick. */
const TICKS_A_LOOK = 4;
/** Listeners that are called in one turn of the event loop: each writes to a connection, some 20 µs. */
const CALLED_AT_ONCE = 250;

/** The event for the batch as it is now. */
export function eventOf(batch: BatchView): BatchEvent {
  const name = hasEnded(batch.state) ? 'finished' : 'progress';
  return toEvent(name, JSON.stringify(batch));
}

function toEvent(name: BatchEvent['name'], data = 'null'): BatchEvent {
  const id = createHash('sha256').update(name).update(data).digest('base64url').slice(0, 16);
  return { name, id, data };
}

export function createBatchWatch(pool: Pool): BatchWatch {
  /** Per batch: each listener with the id of the last event it was sent. */
  const watched = new Map<string, Map<Listener, string>>();
  const newest = new NewestWatch(pool);
  const answers = new AnswerWatch();
  let ticking = false;
  let closed = false;

  function startTicking(): void {
    if (!ticking) void run();
  }

  async function run(): Promise<void> {
    ticking = true;
    for (let ticks = 0; !closed && (watched.size > 0 || newest.isWatched); ticks++) {
      // While the database is away there is nothing to send.
      if (newest.isWatched && ticks % TICKS_A_LOOK === 0) await newest.look().catch(() => {});
      if (watched.size > 0) await tick().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    ticking = false;
  }

  async function tick(): Promise<void> {
    const asked = [...watched.keys()];
    const views = await allWithWaiting(pool, (await batchesWithProgress(pool, asked)).map(toView));
    const found = new Map(views.map((view) => [toBatchId(view.asyncId), view]));
    let called = 0;
    for (const batchId of asked) {
      const view = found.get(batchId);
      for (const call of reports(batchId, view ? eventOf(view) : toEvent('gone'))) {
        if (closed) return;
        call();
        if (++called % CALLED_AT_ONCE === 0) await immediate();
      }
    }
  }

  /** The calls of the listeners that have not heard of the event; each is to be made at once. */
  function* reports(batchId: string, event: BatchEvent): Generator<() => void> {
    const listeners = watched.get(batchId);
    if (!listeners) return;
    const isLast = event.name !== 'progress';
    if (isLast) watched.delete(batchId);
    for (const [listener, lastId] of listeners) {
      if (lastId === event.id && !isLast) continue;
      listeners.set(listener, event.id);
      yield () => listener(event);
    }
  }

  return {
    subscribe(batchId, listener, seen = '') {
      if (closed) {
        queueMicrotask(() => listener(toEvent('closing')));
        return () => {};
      }
      const listeners = watched.get(batchId) ?? new Map<Listener, string>();
      watched.set(batchId, listeners);
      listeners.set(listener, seen);
      startTicking();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watched.get(batchId) === listeners) watched.delete(batchId);
      };
    },
    subscribeNewest(tenant, listener) {
      if (closed) {
        queueMicrotask(() => listener('closing'));
        return () => {};
      }
      const unsubscribe = newest.subscribe(tenant, listener);
      startTicking();
      return unsubscribe;
    },
    subscribeAnswer(answer, listener) {
      if (!closed) return answers.subscribe(answer, listener);
      queueMicrotask(() => listener('closing'));
      return () => {};
    },
    close() {
      closed = true;
      newest.close();
      answers.close();
      for (const batchId of [...watched.keys()])
        for (const call of reports(batchId, toEvent('closing'))) call();
    },
  };
}
