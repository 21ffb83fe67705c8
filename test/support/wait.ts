import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until the condition resolves to something truthy, and resolves to that. Rejects at the deadline with
 * what was waited for; a condition that throws rejects at once.
 */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false | null>,
  { timeoutMs = 10_000, what }: { timeoutMs?: number; what: string },
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 50)) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(pause);
  }
}
