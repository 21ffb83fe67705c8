/** Batches, as the API takes and returns them. */
import type { Job } from './job.ts';

export interface BatchOptions {
  /** Invalid jobs become failed results, and the others run. */
  skipInvalid?: boolean;
  /** A text of yours, of 200 characters at most: every view of the batch shows it. */
  name?: string;
  /** At most 16 texts of yours, by name. */
  metadata?: Record<string, string>;
  /** Jobs of the batch that run at once. */
  concurrency?: number;
  /** Starts of its jobs in a period. */
  rate?: { limit: number; perSeconds: number };
  /** From -100 to 100, 0 if absent: of a tenant's waiting jobs, those of the highest start first. */
  priority?: number;
  /** As in RFC 3339: no job starts before. */
  startAt?: string;
  /** From the taking in: what has not started by then is cancelled. */
  deadlineSeconds?: number;
  /** The batch is cancelled when so many jobs have failed, or so many of a hundred, once `finished` of them have run. */
  stopAfter?: { failed?: number; failedPercent?: number; finished?: number };
  /** At most 16 headers of the callback, such as a secret of its receiver: nobody is shown them. */
  callbackHeaders?: Record<string, string>;
  /** `failure`: there is a callback only when some job has not succeeded. */
  callbackOn?: 'end' | 'failure';
}

/** What is beside the jobs of a batch. */
export interface BatchSettings {
  callbackUrl?: string;
  options?: BatchOptions;
}

export interface NewBatch extends BatchSettings {
  jobs: readonly Job[];
}

/** What a check found in a batch that would be stored. */
export interface Checked {
  valid: true;
  /** Its jobs, the invalid ones included. */
  total: number;
  /** Jobs that would fail at once, with `skipInvalid`. */
  invalid: number;
}

export type BatchState = 'queued' | 'running' | 'completed' | 'cancelled';

export interface Counts {
  total: number;
  pending: number;
  /** Jobs that wait for other jobs. */
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
}

/** A batch. Times are texts as in RFC 3339. */
export interface Batch {
  asyncId: string;
  state: BatchState;
  counts: Counts;
  /** Whole percentage of the work that is done; 100 only when every job has ended. */
  progress: number;
  /** As in its options; absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  /** As in its options; absent without one. */
  priority?: number;
  startAt?: string;
  deadlineAt?: string;
  stopAfter?: { failed?: number; failedPercent?: number; finished?: number };
  /** Why it was stopped, when no caller has cancelled it. */
  stoppedBy?: 'deadline' | 'stopAfter';
  /** None of its jobs starts before it is resumed; absent otherwise. */
  paused?: true;
  /** `namespace.action` of its jobs, each once; absent when an earlier release has stored the batch. */
  actions?: string[];
  /** Running jobs that report progress, at most 100. */
  active: { index: number; done: number; total: number }[];
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  expiresAt: string;
  callback: {
    url: string;
    /** `skipped`: every job has succeeded, and only failures are called back. */
    state: 'pending' | 'delivered' | 'failed' | 'superseded' | 'skipped';
    attempts: number;
  } | null;
  /** The limits that its jobs wait for; absent when none does. */
  waitingFor?: { action: string | null; bucket: string | null; jobs: number; until: string | null }[];
}

/** Which jobs run again among those that have not succeeded: by index, or by status and error. */
export type RestartSelection =
  | { indexes?: readonly number[] }
  | { status?: readonly ('failed' | 'cancelled' | 'skipped')[]; errorCode?: number; message?: string };

/** The failed jobs of a batch by their error. */
export interface ErrorGroups {
  /** The most frequent first, at most 100. */
  data: { code: number; message: string; count: number; firstIndex: number }[];
  /** Failed jobs with errors that are not listed. */
  others: number;
}

/** The jobs of a batch by the time of their end. */
export interface Timeline {
  /** Periods of equal length, without gaps. */
  data: { at: string; succeeded: number; failed: number; cancelled: number; skipped: number }[];
  secondsPerBucket: number;
}
