/** The interface for measuring an engine: ours, its peers, and the limit. */
export interface Engine {
  /** A short name, used in ratios. */
  name: string;
  /** What is measured, as the table shows it. */
  measured: string;
  /** Its settings, for the report. */
  settings: string;
  /** The unit that is counted; jobs when absent. */
  counted?: 'batches';
  /**
   * Starts it on its own database in this Postgres. Throws LeftOut when it cannot run on this machine; the
   * signal ends all later waits.
   */
  setUp(postgresUrl: string, signal: AbortSignal): Promise<RunningEngine>;
}

export interface RunningEngine {
  /**
   * Runs W(n), or n batches; returns the seconds from submitting the first until every result can be read.
   */
  run(n: number): Promise<number>;
  /** Leaves nothing behind. */
  tearDown(): Promise<void>;
}

/** An engine is left out; the message gives the reason. */
export class LeftOut extends Error {}

/** Times `work`, in seconds. */
export async function seconds(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
