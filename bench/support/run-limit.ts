import { setTimeout as wait } from 'node:timers/promises';

/** What one run may take: twenty times what the longest takes on two cores that do nothing else. */
const RUN_SECONDS = 600;
/** What a run that is given up may take to end what it has started. */
const GRACE_MS = 40_000;

/**
 * Does the work of so many runs. Its signal is aborted when it takes too long, and with the given one; then this
 * rejects with the reason.
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
    // What was being waited for fails with an error of its own.
    throw limited.aborted ? limited.reason : error;
  } finally {
    clearTimeout(timer);
    done.abort();
  }
}

/** Rejects when a run goes on for too long after it was given up. */
async function overdue(limited: AbortSignal, done: AbortSignal): Promise<never> {
  await new Promise((resolve) => limited.addEventListener('abort', resolve, { signal: done }));
  await wait(GRACE_MS, undefined, { ref: false, signal: done }).catch(() => new Promise(() => {}));
  throw limited.reason;
}
