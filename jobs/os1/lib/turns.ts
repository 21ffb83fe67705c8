import { setImmediate as nextTurn } from 'node:timers/promises';

/** Work on many items lets others take their turn of the event loop after this time. */
const MAX_TURN_MS = 20;

/**
 * Returns a function to be awaited between two items. It waits for the next turn of the event loop when the current
 * one is long, and throws when the signal is aborted.
 */
export function turns(signal?: AbortSignal): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    if (performance.now() - startedAt < MAX_TURN_MS) return;
    await nextTurn();
    signal?.throwIfAborted();
    startedAt = performance.now();
  };
}
