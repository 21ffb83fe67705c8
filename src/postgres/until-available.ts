import { setTimeout as delay } from 'node:timers/promises';
import { isTemporary } from './errors.ts';

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2000;

/**
 * Repeats the work while the database is away or others block it. Throws any other error, and the last such
 * error once the signal is aborted.
 *
 * @param options.before called before each repetition
 */
export async function untilAvailable<T>(
  work: () => Promise<T>,
  options: { signal?: AbortSignal; before?: (error: unknown) => Promise<void> } = {},
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isTemporary(error) || options.signal?.aborted) throw error;
      await options.before?.(error);
      await delay(pauseMs, undefined, { signal: options.signal }).catch(() => {});
    }
  }
}
