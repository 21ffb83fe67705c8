import { setTimeout as sleep } from 'node:timers/promises';
import type { TelemetryEvent } from '../../src/telemetry/events.ts';

/**
 * Polls until the condition resolves to a truthy value, and resolves to that. Rejects at the deadline with a
 * description of the condition; a condition that throws rejects at once.
 *
 * @param options.timeoutMs long enough for a slow machine: only a failing test waits for it
 * @param options.everyMs the pause that polling slows down to; longer for events that take many seconds
 * @param options.after an event after which the condition may hold: it is then checked without a pause. Polling
 *   goes on, because the event may happen in another process
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false | null>,
  {
    timeoutMs = 60_000,
    everyMs = 50,
    what,
    after,
  }: { timeoutMs?: number; everyMs?: number; what: string; after?: Pick<TelemetryEvent<object>, 'listen'> },
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, everyMs)) {
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
