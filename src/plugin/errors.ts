/** Details that an action's error may give the caller in addition to its message. */
export interface ActionErrorOptions {
  /** HTTP-like code of the failed job's error object; 461 (failed request) when absent. */
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

/** An error after which the next run should wait, as an HTTP `Retry-After` asks for. */
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
