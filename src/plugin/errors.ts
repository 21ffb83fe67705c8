/** Details that an action's error may give the caller in addition to its message. */
export interface ActionErrorOptions {
  /**
   * HTTP-like code of the failed job's error object. When absent, it is 461 (failed request), or 429 for an
   * error that asks for a later run.
   */
  errorCode?: number;
  specificCode?: number;
  additionalMessages?: string[];
  /** Facts for programs, as JSON of at most 64 KiB; more is left out. */
  details?: unknown;
  cause?: unknown;
}

/** An error that another run cannot fix: the job fails at once, even if retries are left. */
export class NonRetryableError extends Error {
  readonly options: ActionErrorOptions;

  constructor(message: string, options: ActionErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'NonRetryableError';
    this.options = options;
  }
}

/** An error after which the next run should wait for so long. The failed run counts as an attempt. */
export class RetryLaterError extends Error {
  readonly delaySeconds: number;
  readonly options: ActionErrorOptions;

  constructor(message: string, delaySeconds: number, options: ActionErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'RetryLaterError';
    this.delaySeconds = delaySeconds;
    this.options = options;
  }
}

/**
 * The called service takes no more requests for so long, as an HTTP `Retry-After` says. The job runs again
 * after that time, and this run does not count as an attempt. A job that is refused for more than an hour in
 * all fails.
 */
export class ThrottledError extends Error {
  readonly delaySeconds: number;
  readonly options: ActionErrorOptions;

  constructor(
    delaySeconds: number,
    message = 'the called service refuses requests for now',
    options: ActionErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ThrottledError';
    this.delaySeconds = delaySeconds;
    this.options = options;
  }
}

/** The errors whose options describe the failure to the caller. */
export type ActionError = NonRetryableError | RetryLaterError | ThrottledError;

export function isActionError(error: unknown): error is ActionError {
  return (
    error instanceof NonRetryableError || error instanceof RetryLaterError || error instanceof ThrottledError
  );
}
