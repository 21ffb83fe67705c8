import { catalogue, type ErrorBody } from '../contract/errors.ts';

export const RESULT_STATUSES = ['succeeded', 'failed', 'cancelled', 'skipped'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

/** An outcome that becomes the job's one result. */
export interface RecordableOutcome {
  index: number;
  status: ResultStatus;
  /** JSON text: the response, or the error object of a failed job; `null` for a cancelled one. */
  response: string;
  /** The number of runs, including this one; 0 for a job that never ran. */
  attempts: number;
  /** In ms since the epoch, by this process's clock; null for a job that never ran. */
  startedAt: number | null;
  finishedAt: number;
  /** JSON text: the params, when values were bound into them. */
  request?: string;
}

/** An outcome that asks for another run. */
export interface RetryOutcome {
  index: number;
  status: 'retry';
  /** The shortest pause before the next run. */
  delaySeconds: number;
  /** The failed outcome to record if no other run follows; null when the run does not count as an attempt. */
  failed: RecordableOutcome | null;
  /**
   * Set when the called service refused the job for now: when it did so first, in ms since the epoch by this
   * process's clock.
   */
  throttledSince?: number;
  /** The bucket of a limit that sleeps since then: the job waits for it rather than for the pause. */
  bucket?: string;
}

/** The outcome of one run of one job. */
export type Outcome = RecordableOutcome | RetryOutcome;

/** The result of a job that failed for good. */
export function failure(
  index: number,
  error: ErrorBody,
  attempts: number,
  startedAt: number | null,
): RecordableOutcome {
  return {
    index,
    status: 'failed',
    response: JSON.stringify(error),
    attempts,
    startedAt,
    finishedAt: Date.now(),
  };
}

/** Why a batch was stopped that no caller has cancelled, as its cancelled jobs say it. */
const STOPS: Record<string, ErrorBody> = {
  deadline: { errorCode: 408, message: 'The deadline of the batch had passed before the job started' },
  stopAfter: { errorCode: 424, message: 'The batch was stopped, because too many of its jobs had failed' },
};

/**
 * The result of a job that was not started before its batch was cancelled.
 *
 * @param stoppedBy why the batch was stopped; null when a caller has cancelled it
 */
export function cancellation(index: number, attempts: number, stoppedBy: string | null): RecordableOutcome {
  const response = JSON.stringify((stoppedBy !== null && STOPS[stoppedBy]) || null);
  return { index, status: 'cancelled', response, attempts, startedAt: null, finishedAt: Date.now() };
}

/** The result of a job whose dependencies can no longer be met. */
export function skip(index: number, cause: number): RecordableOutcome {
  const { errorCode, message } = catalogue.skipped;
  const response = JSON.stringify({ errorCode, message: `${message}: see job ${cause}`, causedBy: cause });
  return { index, status: 'skipped', response, attempts: 0, startedAt: null, finishedAt: Date.now() };
}
