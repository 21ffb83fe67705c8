import { Worker } from 'node:worker_threads';

export interface LoadWatch {
  /** The file of this name is about to be loaded. */
  at(place: string): void;
  end(): Promise<number>;
}

/**
 * Names the file that never gives the event loop back while it is loaded, and ends the process: nothing in the
 * main thread could. It costs a start some 60 ms of processor time and 2 MB.
 *
 * @param limitMs a little longer than what waits may take, of which the main thread can tell by itself
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
