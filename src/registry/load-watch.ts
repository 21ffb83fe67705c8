import { Worker } from 'node:worker_threads';

export interface LoadWatch {
  /** Call it before the file of this name is loaded. */
  at(place: string): void;
  end(): Promise<number>;
}

/**
 * Names a file that blocks the event loop for ever while it is loaded, and ends the process; the main thread
 * could not. It costs a start about 60 ms of processor time and 2 MB.
 *
 * @param limitMs a little longer than the limit for asynchronous waits, which the main thread reports itself
 */
export function startLoadWatch(limitMs = 35_000): LoadWatch {
  const thread = new Worker(new URL('./load-watch-thread.mjs', import.meta.url), {
    execArgv: [],
    env: {},
    workerData: { limitMs },
  });
  thread.unref();
  return {
    at: (place) => thread.postMessage(place),
    end: () => thread.terminate(),
  };
}
