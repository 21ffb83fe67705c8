/** Waits for batches to end. One poller per process serves any number of waiters. */
import type { Pool } from 'pg';
import { endedAmong } from '../../store/batches.ts';

export interface EndWatch {
  /** True when the batch ended in time, false after `timeoutMs` or when the signal aborts. */
  ended(batchId: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Ends all waits with false, for a process that stops. */
  close(): void;
}

/** A waiter sees the end of its job this late at most; one query serves all waiters. */
const POLL_MS = 20;

export function createEndWatch(pool: Pool): EndWatch {
  const waiters = new Map<string, Set<() => void>>();
  const closing = new AbortController();
  let polling = false;

  async function poll(): Promise<void> {
    polling = true;
    while (waiters.size > 0) {
      // No batch ends while the database is away; the waiters' timeouts go on.
      const ended = await endedAmong(pool, [...waiters.keys()]).catch(() => []);
      for (const batchId of ended) for (const wake of waiters.get(batchId) ?? []) wake();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    polling = false;
  }

  return {
    ended(batchId, timeoutMs, signal) {
      return new Promise((resolve) => {
        const group = waiters.get(batchId) ?? new Set();
        const settle = (value: boolean) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          closing.signal.removeEventListener('abort', onAbort);
          group.delete(wake);
          if (group.size === 0) waiters.delete(batchId);
          resolve(value);
        };
        const wake = () => settle(true);
        const onAbort = () => settle(false);
        const timer = setTimeout(onAbort, timeoutMs);
        signal?.addEventListener('abort', onAbort, { once: true });
        closing.signal.addEventListener('abort', onAbort, { once: true });
        group.add(wake);
        waiters.set(batchId, group);
        if (!polling) void poll();
      });
    },
    close: () => closing.abort(),
  };
}
