import type { JobContext, JobsContext } from './context.ts';
import type { Limits } from './limits.ts';

export interface RetryPolicy {
  /** Maximum number of runs after the first. */
  limit: number;
  delaySeconds: number;
  /** Doubles the delay after each run. */
  backoff: boolean;
}

interface ActionOptions {
  /** One line, shown in lists of actions. */
  summary: string;
  /** Default: at most 3 runs after the first, with delays of 1, 2 and 4 s. */
  retry?: Partial<RetryPolicy>;
  /** Time limit of one run; 60 when absent, at most 21,600. */
  timeoutSeconds?: number;
  /** Everything written with `sql` is committed together with the recorded result, or not at all. */
  transactional?: boolean;
  /**
   * For a transactional `runMany`: a job for which it returns a NonRetryableError fails alone, and what the joint run
   * wrote is committed with the other jobs' results. It must have written nothing for such a job.
   */
  failsAlone?: boolean;
  /** The permission that a key needs to run it; `namespace.action` when absent. */
  permission?: string;
  /** Actions of another queue have lanes of their own; `default` when absent. */
  queue?: string;
  /** Concurrent runs in a worker process, over all batches; 10 when absent. */
  concurrency?: number;
  /**
   * Limits over all worker processes: `{ concurrency: { max, by }, rate: { limit, perSeconds, burst, by } }`. Operators
   * can change them while it runs.
   */
  limits?: Limits;
  /** Valid params, shown in lists of actions. */
  example?: unknown;
}

export interface RunAction<Params> extends ActionOptions {
  /**
   * Runs one job. The returned value becomes the job's response and must be JSON of at most 1 MiB. Throwing
   * fails the run; NonRetryableError fails the job.
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
   * Runs many jobs of one batch at once and returns an array of the same length: for each job its response or
   * an Error. When it throws, its jobs run one by one.
   */
  runMany(jobs: ManyJob<Params>[], context: JobsContext): Promise<unknown[]> | unknown[];
  run?: undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the registry holds actions with params of every type
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
