/** The time limits of one run: its timeout and the stop of the process. */
import { TimeoutError } from './job-error.ts';

/** The process must stop and no longer waits for its jobs. */
export class StoppedError extends Error {}

/**
 * Current runs by the signal that stops them. They share one listener: one each would cost as much as a run.
 */
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

/** A class whose signal and timer are made on demand, because most small jobs need neither. */
export class Deadline {
  readonly #seconds: number;
  readonly #stopping: AbortSignal;
  #controller: AbortController | undefined;
  #ended: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fail: ((error: Error) => void) | undefined;
  #startedAt: number | undefined;
  #onEnd: ((error: Error) => void) | undefined;

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

  /** Calls back once when the run's time is over: at its timeout, or when the process must stop. */
  onEnd(callback: (error: Error) => void): void {
    if (this.#ended) callback(this.#ended);
    else this.#onEnd = callback;
  }

  /**
   * Returns the run's value, or rejects with a TimeoutError or StoppedError if that comes first. Clear the
   * deadline afterwards.
   */
  race<T>(run: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#fail = reject;
      this.#startedAt = performance.now();
      const end = () => this.#end(this.#timedOut());
      this.#timer = setTimeout(end, this.#seconds * 1000);
      runsUntil(this.#stopping).add(this);
      if (this.#stopping.aborted) this.stop();
      run.then(resolve, reject);
    });
  }

  clear(): void {
    clearTimeout(this.#timer);
    runsUntil(this.#stopping).delete(this);
  }

  /** The TimeoutError of a run whose time is over although its timer, on a busy event loop, has not fired. */
  lateness(): TimeoutError | undefined {
    if (this.#startedAt === undefined || performance.now() - this.#startedAt < this.#seconds * 1000) return;
    return this.#timedOut();
  }

  stop(): void {
    this.#end(new StoppedError('the process is stopping'));
  }

  #timedOut(): TimeoutError {
    return new TimeoutError(`timed out after ${this.#seconds} s`);
  }

  #end(error: Error): void {
    this.#ended = error;
    this.#controller?.abort(error);
    this.#fail?.(error);
    this.#onEnd?.(error);
  }
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  );
}
