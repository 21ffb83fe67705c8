import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until the condition resolves to a truthy value, and resolves to that. Rejects at the deadline with a
 * description of the condition; a condition that throws rejects at once.
 *
 * @param options.timeoutMs long enough for a slow machine: only a failing test waits for it
 * @param options.everyMs the pause that polling slows down to; longer for events that take many seconds
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false | null>,
  { timeoutMs = 60_000, everyMs = 50, what }: { timeoutMs?: number; everyMs?: number; what: string },
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, everyMs)) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(pause); // the pause of the poll that tests use instead of fixed waits
  }
}
