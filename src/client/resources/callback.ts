/** Callbacks, their attempts and their secrets, as the API takes and returns them. */
import type { BatchState, Counts } from './batch.ts';
import type { Result } from './result.ts';

/** The body of a callback. */
export interface Callback<Response = unknown> {
  asyncId: string;
  state: BatchState;
  counts: Counts;
  /** As in the options of the batch; absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  /** Why it was stopped, when no caller has cancelled it. */
  stoppedBy?: 'deadline' | 'stopAfter';
  results: Result<Response>[];
}

/** The attempt to deliver a callback. */
export interface CallbackAttempt {
  number: number;
  trigger: 'completion' | 'repost';
  /** The receiver's HTTP status; null when it did not respond. */
  status: number | null;
  durationMs: number;
  error: string | null;
  attemptedAt: string;
  nextAttemptAt: string | null;
}

/** A callback of an ended batch that is not delivered. */
export interface OpenCallback {
  asyncId: string;
  url: string;
  state: 'pending' | 'failed';
  attempts: number;
  /** As those of the batch. */
  actions?: string[];
  finishedAt: string;
  lastAttempt: CallbackAttempt | null;
}

export interface CallbackSecrets {
  /** `whsec_…` */
  secret: string;
  /** Replaced secrets that sign beside it, the youngest first; `endsAt` is null where the operator decides. */
  previous: { secret: string; endsAt: string | null }[];
}

/** What came back to a test callback. */
export interface TestedCallback {
  /** Its `webhook-id`. */
  id: string;
  /** Null when the receiver did not answer. */
  status: number | null;
  durationMs: number;
  /** Why a callback would fail; null when it would be delivered. */
  error: string | null;
  /** The beginning of the receiver's answer. */
  excerpt: string | null;
}
