import { setTimeout as wait } from 'node:timers/promises';

/**
 * Polls until the result is truthy and resolves to it, at most `everyMs` late. Rejects when the condition
 * does, and when the signal aborts.
 */
export async function until<Value>(
  condition: () => Promise<Value | undefined | false | null> | Value | undefined | false | null,
  { signal, everyMs = 5 }: { signal: AbortSignal; everyMs?: number },
): Promise<Value> {
  for (;;) {
    signal.throwIfAborted();
    const value = await condition();
    if (value) return value;
    await wait(everyMs, undefined, { signal });
  }
}
