import { setTimeout as wait } from 'node:timers/promises';

/** The time limit of one run: twenty times the longest run on two otherwise idle cores. */
const RUN_SECONDS = 600;
/** The time for a run that is given up to end everything that it started. */
const GRACE_MS = 40_000;

/**
 * Does the work of this many runs. Its signal is aborted when it takes too long, or when the given signal is;
 * then this rejects with the reason.
 */
export async function withinLimit<Value>(
  { signal, runs = 1, runSeconds = RUN_SECONDS }: { signal: AbortSignal; runs?: number; runSeconds?: number },
  work: (limited: AbortSignal) => Promise<Value>,
): Promise<Value> {
  signal.throwIfAborted();
  const late = new AbortController();
  const seconds = runs * runSeconds;
  const timer = setTimeout(() => late.abort(new Error(`not done within ${seconds} s`)), seconds * 1000);
  const limited = AbortSignal.any([signal, late.signal]);
  const done = new AbortController();
  try {
    return await Promise.race([work(limited), overdue(limited, done.signal)]);
  } catch (error) {
    // The code that was waiting fails with an error of its own.
    throw limited.aborted ? limited.reason : error;
  } finally {
    clearTimeout(timer);
    done.abort();
  }
}

/** Rejects when a run continues too long after it was given up. */
async function overdue(limited: AbortSignal, done: AbortSignal): Promise<never> {
  await new Promise((resolve) => limited.addEventListener('abort', resolve, { signal: done }));
  await wait(GRACE_MS, undefined, { ref: false, signal: done }).catch(() => new Promise(() => {}));
  throw limited.reason;
}
