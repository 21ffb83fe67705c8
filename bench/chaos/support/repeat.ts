import { setTimeout as wait } from 'node:timers/promises';

export interface Repetition extends AsyncDisposable {
  /**
   * Ends it, after the current work; rejects with the error of the work. Returns the number of repetitions.
   */
  stop(): Promise<number>;
}

/** Repeats some work in parallel with the program, with a pause in between. */
export function repeat(everyMs: number, work: (count: number) => Promise<unknown>): Repetition {
  const stopping = new AbortController();
  let count = 0;
  let failure: Error | undefined;
  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await work(count);
      count += 1;
      await wait(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  const looping = loop().catch((error: Error) => {
    failure = error;
  });
  const end = async () => {
    stopping.abort();
    await looping;
  };
  return {
    async stop() {
      await end();
      if (failure) throw failure;
      return count;
    },
    [Symbol.asyncDispose]: end,
  };
}
