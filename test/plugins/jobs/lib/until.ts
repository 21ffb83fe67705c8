import { setTimeout as delay } from 'node:timers/promises';

/** A job that has waited for long looks rarely: dozens of them would keep the database busy. */
const SHORTEST_MS = 10;
const LONGEST_MS = 250;

/** Resolves when the condition holds; rejects when the run is aborted. */
export async function until(signal: AbortSignal, condition: () => Promise<boolean>): Promise<void> {
  const begunAt = performance.now();
  while (!(await condition())) {
    const pause = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (performance.now() - begunAt) / 10));
    await delay(pause, undefined, { signal });
  }
}
