import type { BatchLimits } from '../../domain/batch-options.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Log, Services } from '../../plugin/context.ts';

/** Shared by all runs of one message. */
export interface RunScope {
  asyncId: string;
  tenant: string;
  /** The batch's own; null for none. */
  limits: BatchLimits | null;
  attempt: number;
  /** When the called service first refused the jobs, in ms since the epoch by this process's clock; or null. */
  throttledSince: number | null;
  log: Log;
  services: Services;
  /** Aborted when the process must stop and no longer waits for its jobs. */
  stopping: AbortSignal;
  reportProgress(index: number, done: number, total: number): void;
  /** Called with every outcome; failures are logged for the operator. */
  noteOutcome(action: string, outcome: Outcome): void;
  /**
   * The params of each job as they were sent, by index, even if an action has changed the object it was
   * given.
   */
  paramsAsSent(): (index: number) => unknown;
}
