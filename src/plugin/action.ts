import type { JobContext, JobsContext } from './context.ts';

export interface RetryPolicy {
  /** Runs after the first. */
  limit: number;
  delaySeconds: number;
  /** Doubles the delay with each run. */
  backoff: boolean;
}

interface ActionOptions {
  /** One line, shown where actions are listed. */
  summary: string;
  /** The default: at most 3 runs after the first, a second apart and doubling. */
  retry?: Partial<RetryPolicy>;
  /** Seconds one run may take; 60 when absent, at most 21,600. */
  timeoutSeconds?: number;
  /** What `sql` writes commits together with the recorded result, or not at all. */
  transactional?: boolean;
  /** What a key needs to run it; `namespace.action` when absent. */
  permission?: string;
  /** Actions of another queue have lanes of their own; `default` when absent. */
  queue?: string;
  /** Runs at once in a worker process, over all batches; 10 when absent. */
  concurrency?: number;
  /** Params that work, shown where actions are listed. */
  example?: unknown;
}

export interface RunAction<Params> extends ActionOptions {
  /**
   * Runs one job. What it returns becomes the job's response and must be JSON of at most 1 MiB.
   * Throwing fails the run; NonRetryableError fails the job.
   */
  run(params: Params, context: JobContext): unknown;
  runMany?: undefined;
}

export interface ManyJob<Params> {
  index: number;
  params: Params;
  attempt: number;
}

export interface RunManyAction<Params> extends ActionOptions {
  /**
   * Runs many jobs of one batch at once and answers an array of the same length: for each job its
   * response or an Error. When it throws, its jobs are run one by one.
   */
  runMany(jobs: ManyJob<Params>[], context: JobsContext): Promise<unknown[]> | unknown[];
  run?: undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds actions of every params type side by side
export type Action<Params = any> = RunAction<Params> | RunManyAction<Params>;

/** Declares the action of a file `jobs/<namespace>/<action>.ts`; its default export. */
export function defineAction<Params>(action: Action<Params>): Action<Params> {
  return action;
}

export const ACTION_DEFAULTS = {
  retry: { limit: 3, delaySeconds: 1, backoff: true },
  timeoutSeconds: 60,
  queue: 'default',
  concurrency: 10,
} as const;
