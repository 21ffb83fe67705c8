/** Results, as the API takes and returns them. */

export type ResultStatus = 'succeeded' | 'failed' | 'cancelled' | 'skipped';

/** The response of a failed job. */
export interface JobError {
  errorCode: number;
  message: string;
  specificCode?: number;
  additionalMessages?: string[];
  details?: unknown;
}

export interface ResultBase {
  index: number;
  id?: string;
  namespace: string;
  action: string;
  /** The params as they were sent, or with the values that were bound before the job ran. */
  request: unknown;
  /** The number of runs; 0 for a job that never ran. */
  attempts: number;
  startedAt: string | null;
  finishedAt: string;
}

/** One result: its `status` decides what `response` is. */
export type Result<Response = unknown> = ResultBase &
  (
    | { status: 'succeeded'; response: Response }
    | { status: 'failed'; response: JobError }
    | { status: 'cancelled'; response: JobError | null }
    | { status: 'skipped'; response: JobError & { causedBy: number } }
  );
