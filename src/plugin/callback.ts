/** The batch that a callback reports. */
export interface CallbackBatch {
  asyncId: string;
  /** `completed` or `cancelled`. */
  state: string;
  counts: { total: number; succeeded: number; failed: number; cancelled: number; skipped: number };
  /** Absent without one. */
  name?: string;
  metadata?: Record<string, string>;
  createdAt: Date;
  finishedAt: Date;
}

/** A result as callbacks report it. */
export interface CallbackResult {
  index: number;
  id?: string;
  namespace: string;
  action: string;
  request: unknown;
  response: unknown;
  status: string;
  attempts: number;
  startedAt: string | null;
  finishedAt: string;
}

export interface Callback {
  /**
   * The pieces of the body, JSON. They must depend on nothing but the arguments, because the body is made again for
   * each attempt, and for a large batch twice: once to sign it, once to send it. `results` may be read several times,
   * each time from the first one.
   */
  body(
    batch: CallbackBatch,
    results: AsyncIterable<CallbackResult>,
  ): AsyncIterable<string> | Iterable<string>;
}

/**
 * Declares the form of the callbacks of all batches that the folder's routes submit; the default export of its
 * `callback.ts`.
 */
export function defineCallback(callback: Callback): Callback {
  return callback;
}
