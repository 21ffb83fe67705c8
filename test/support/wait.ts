import { setTimeout as sleep } from 'node:timers/promises';
import type { TelemetryEvent } from '../../src/telemetry/events.ts';

const FIRST_MS = 5;

/** What takes many seconds is seen late by a twentieth of them at most. */
function longestPause(waitedMs: number): number {
  return Math.min(500, Math.max(50, waitedMs / 20));
}

/**
 * Polls until the condition resolves to a truthy value, and resolves to that. Rejects at the deadline with a
 * description of the condition; a condition that throws rejects at once.
 *
 * @param options.timeoutMs long enough for a slow machine: only a failing test waits for it
 * @param options.after an event after which the condition may hold: it is then checked without a pause. Polling
 *   goes on, because the event may happen in another process
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false | null>,
  {
    timeoutMs = 60_000,
    what,
    after,
  }: { timeoutMs?: number; what: string; after?: Pick<TelemetryEvent<object>, 'listen'> },
): Promise<T> {
  const begunAt = Date.now();
  const deadline = begunAt + timeoutMs;
  for (let pause = FIRST_MS; ; pause = Math.min(pause * 1.5, longestPause(Date.now() - begunAt))) {
    const happened = Promise.withResolvers<void>();
    const ignore = after?.listen(() => happened.resolve());
    try {
      const value = await condition();
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
      // The pause of the poll that tests use instead of fixed waits.
      await Promise.race([sleep(pause), happened.promise]);
    } finally {
      ignore?.();
    }
  }
}
