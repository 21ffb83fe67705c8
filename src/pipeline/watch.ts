/** Tells any number of listeners how a batch gets on: one query a batch and tick, however many listen. */
import type { Pool } from 'pg';
import { isTerminal } from '../domain/batch.ts';
import { getBatch } from '../store/batches.ts';
import { type BatchView, batchView } from './batch-view.ts';

export interface BatchWatch {
  /** Calls back with the batch whenever it has changed, and a last time when it has ended. Answers the way out. */
  subscribe(batchId: string, listener: (event: BatchEvent) => void): () => void;
  /** Tells every listener `closing` and ends all subscriptions. */
  close(): void;
}

export interface BatchEvent {
  /** `gone` when the batch has been deleted meanwhile, `closing` when this process stops. */
  name: 'progress' | 'finished' | 'gone' | 'closing';
  batch: BatchView | null;
}

/** CONTRACT: progress at most four times a second. */
const TICK_MS = 250;

interface Watched {
  listeners: Set<(event: BatchEvent) => void>;
  /** What was told last, for who comes later; undefined before the first answer. */
  last: BatchEvent | undefined;
  close(): void;
}

export function createBatchWatch(pool: Pool): BatchWatch {
  const watched = new Map<string, Watched>();

  function watch(batchId: string): Watched {
    let told = '';
    let asking = false;
    async function tick(): Promise<void> {
      if (asking) return;
      asking = true;
      try {
        const event = await eventOf(pool, batchId);
        const text = JSON.stringify(event);
        if (text === told) return;
        told = text;
        entry.last = event;
        for (const listener of [...entry.listeners]) listener(event);
      } catch {
        // The database is away: the next tick asks again.
      } finally {
        asking = false;
      }
    }
    const timer = setInterval(() => void tick(), TICK_MS);
    const entry: Watched = {
      listeners: new Set(),
      last: undefined,
      close() {
        clearInterval(timer);
        watched.delete(batchId);
      },
    };
    watched.set(batchId, entry);
    void tick();
    return entry;
  }

  return {
    subscribe(batchId, listener) {
      const entry = watched.get(batchId) ?? watch(batchId);
      entry.listeners.add(listener);
      // Who comes later is told at once how things stand, not with the next change.
      if (entry.last) listener(entry.last);
      return () => {
        entry.listeners.delete(listener);
        if (entry.listeners.size === 0) entry.close();
      };
    },
    close() {
      for (const entry of [...watched.values()]) {
        entry.close();
        for (const listener of entry.listeners) listener({ name: 'closing', batch: null });
      }
    },
  };
}

async function eventOf(pool: Pool, batchId: string): Promise<BatchEvent> {
  const batch = await getBatch(pool, batchId);
  if (!batch) return { name: 'gone', batch: null };
  return { name: isTerminal(batch.state) ? 'finished' : 'progress', batch: await batchView(pool, batch) };
}
