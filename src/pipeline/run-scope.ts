import type { Log, Services } from '../plugin/context.ts';

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
}
