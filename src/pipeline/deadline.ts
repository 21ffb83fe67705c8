/** The time that one run has: its timeout, and the end of the process. */
import { TimeoutError } from './job-error.ts';

/** The process must stop and no longer waits for its jobs. */
export class StoppedError extends Error {}

/** Runs under way by the signal that stops them: one listener for all, where one each would cost as much as a run. */
const running = new WeakMap<AbortSignal, Set<Deadline>>();

function runsUntil(stopping: AbortSignal): Set<Deadline> {
  const known = running.get(stopping);
  if (known) return known;
  const runs = new Set<Deadline>();
  running.set(stopping, runs);
  stopping.addEventListener('abort', () => {
    for (const run of runs) run.stop();
  });
  return runs;
}

/** A class, with a signal and a timer made on demand: most runs of small jobs need neither. */
export class Deadline {
  readonly #seconds: number;
  readonly #stopping: AbortSignal;
  #controller: AbortController | undefined;
  #ended: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(seconds: number, stopping: AbortSignal) {
    this.#seconds = seconds;
    this.#stopping = stopping;
  }

  /** Aborted at the timeout and when the process must stop. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(this.#ended);
    return this.#controller.signal;
  }

  /** The run's value, or a TimeoutError or StoppedError, whichever is first. To be cleared after. */
  race<T>(run: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#fail = reject;
      const timedOut = () => this.#end(new TimeoutError(`timed out after ${this.#seconds} s`));
      this.#timer = setTimeout(timedOut, this.#seconds * 1000);
      runsUntil(this.#stopping).add(this);
      if (this.#stopping.aborted) this.stop();
      run.then(resolve, reject);
    });
  }

  clear(): void {
    clearTimeout(this.#timer);
    runsUntil(this.#stopping).delete(this);
  }

  stop(): void {
    this.#end(new StoppedError('the process is stopping'));
  }

  #end(error: Error): void {
    this.#ended = error;
    this.#controller?.abort(error);
    this.#fail?.(error);
  }
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  );
}
