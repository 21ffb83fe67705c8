/** What every engine offers to be measured by: ours, its peers, and the limit. */
export interface Engine {
  /** Short, as ratios name it. */
  name: string;
  /** What of it is measured, as the table says it. */
  measured: string;
  /** What it runs with, for the report. */
  settings: string;
  /** What is counted; jobs when absent. */
  counted?: 'batches';
  /**
   * Starts it on a database of its own in this Postgres. Throws LeftOut when it cannot take part on this machine;
   * the signal ends whatever it waits for later on.
   */
  setUp(postgresUrl: string, signal: AbortSignal): Promise<RunningEngine>;
}

export interface RunningEngine {
  /** Runs W(n), or n batches; the seconds from handing over the first until every result can be read. */
  run(n: number): Promise<number>;
  /** Leaves nothing behind. */
  tearDown(): Promise<void>;
}

/** An engine does not take part; the message says why. */
export class LeftOut extends Error {}

/** Times `work`, in seconds. */
export async function seconds(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
