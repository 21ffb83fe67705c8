/**
 * What shares a limit: `tenant` counts each tenant by itself, a JSON Pointer such as `/account` each value at that
 * place in the params, and `host of /url` each host of the URL there. When absent, all jobs of the action share it.
 */
export type LimitBy = string;

export interface ConcurrencyLimit {
  /** Concurrent runs, over all worker processes and batches. */
  max: number;
  /** `max` is for each worker process by itself, so that more of them do more. */
  perProcess?: boolean | undefined;
  by?: LimitBy | undefined;
}

export interface RateLimit {
  /** Starts in each period of `perSeconds`, evenly spaced, over all worker processes and batches. */
  limit: number;
  perSeconds: number;
  /**
   * How many may start at once after a pause; 1 when absent. The other side must then allow `burst - 1` more in a
   * period.
   */
  burst?: number | undefined;
  by?: LimitBy | undefined;
}

/** Limits that hold over all processes. A job that waits for them is not charged, and its timeout has not begun. */
export interface Limits {
  concurrency?: ConcurrencyLimit | undefined;
  rate?: RateLimit | undefined;
  /** After a ThrottledError starts come at the pace that the other side has taken, which then grows slowly. */
  adaptive?: boolean | undefined;
}
