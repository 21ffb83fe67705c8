import type { Outcome } from '../../domain/outcome.ts';
import type { Log, Services } from '../../plugin/context.ts';

/** What all runs of one message share. */
export interface RunScope {
  asyncId: string;
  tenant: string;
  attempt: number;
  log: Log;
  services: Services;
  /** Aborted when the process must stop and no longer waits for its jobs. */
  stopping: AbortSignal;
  reportProgress(index: number, done: number, total: number): void;
  /** Told of every outcome; failures are for the operator. */
  noteOutcome(action: string, outcome: Outcome): void;
  /** The params of each job as they were sent, by its index, whatever an action has done to those it was given. */
  paramsAsSent(): (index: number) => unknown;
}
