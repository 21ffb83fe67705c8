/** Tells any number of listeners how batches get on: one query a tick, however many listen to however many. */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { isTerminal } from '../../domain/batch.ts';
import { batchesWithProgress } from '../../store/batch-list.ts';
import { type BatchView, toView } from './batch-view.ts';

export interface BatchWatch {
  /**
   * Calls back with the batch as it is unless `seen` is its event's id, whenever it has changed, and a last
   * time when it has ended. Answers the way out.
   */
  subscribe(batchId: string, listener: Listener, seen?: string): () => void;
  /** Tells every listener `closing` and ends all subscriptions. */
  close(): void;
}

export interface BatchEvent {
  /** The last three come once: `gone` when the batch was deleted, `closing` when this process stops. */
  name: 'progress' | 'finished' | 'gone' | 'closing';
  /** The same wherever the same is told of the same batch. */
  id: string;
  /** JSON text: the batch, null when it is gone. */
  data: string;
}

type Listener = (event: BatchEvent) => void;

/** Progress is sent at most four times a second. Counted from the end of the tick before. */
const TICK_MS = 250;

/** The event that tells of the batch as it is. */
export function eventOf(batch: BatchView): BatchEvent {
  const name = isTerminal(batch.state) ? 'finished' : 'progress';
  return toEvent(name, JSON.stringify(batch));
}

function toEvent(name: BatchEvent['name'], data = 'null'): BatchEvent {
  const id = createHash('sha256').update(name).update(data).digest('base64url').slice(0, 16);
  return { name, id, data };
}

export function createBatchWatch(pool: Pool): BatchWatch {
  /** By batch: each listener with the id of what it was told last. */
  const watched = new Map<string, Map<Listener, string>>();
  let ticking = false;
  let closed = false;

  async function run(): Promise<void> {
    ticking = true;
    while (watched.size > 0) {
      // While the database is away there is nothing to tell.
      await tick().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    ticking = false;
  }

  async function tick(): Promise<void> {
    const asked = [...watched.keys()];
    const found = new Map((await batchesWithProgress(pool, asked)).map((batch) => [batch.id, batch]));
    for (const batchId of asked) {
      const batch = found.get(batchId);
      tell(batchId, batch ? eventOf(toView(batch)) : toEvent('gone'));
    }
  }

  function tell(batchId: string, event: BatchEvent): void {
    const listeners = watched.get(batchId);
    if (!listeners) return;
    const isLast = event.name !== 'progress';
    if (isLast) watched.delete(batchId);
    for (const [listener, told] of listeners) {
      if (told === event.id && !isLast) continue;
      listeners.set(listener, event.id);
      listener(event);
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
      if (!ticking) void run();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watched.get(batchId) === listeners) watched.delete(batchId);
      };
    },
    close() {
      closed = true;
      for (const batchId of [...watched.keys()]) tell(batchId, toEvent('closing'));
    },
  };
}
