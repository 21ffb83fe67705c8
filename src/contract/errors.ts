/**
 * The catalogue of errors that callers see. The HTTP status is the errorCode; the specific codes are those of
 * iVvy's batch API. `test/contract/errors.test.ts` compares the catalogue with the table in `docs/api.md`.
 */
export const catalogue = {
  invalidRequest: { errorCode: 400, specificCode: 24092, message: 'Incorrect job format' },
  emptyJobs: { errorCode: 400, specificCode: 24093, message: 'Empty job parameter found' },
  tooManyJobs: { errorCode: 400, specificCode: 24448, message: 'The maximum number of jobs is exceeded' },
  notSaved: { errorCode: 503, specificCode: 24091, message: 'The information was not saved' },
  batchNotFound: { errorCode: 404, specificCode: 24105, message: 'Could not find batch' },
  resultsNotFound: { errorCode: 404, specificCode: 24115, message: 'Could not find batch' },
  notCompleted: { errorCode: 409, specificCode: 24114, message: 'Batch job not completed' },
  invalidParams: { errorCode: 400, specificCode: 23016, message: 'The parameters do not validate' },
  missingParams: { errorCode: 400, specificCode: 23017, message: 'A required parameter is missing' },
  badRequest: { errorCode: 400, message: 'Bad request' },
  unauthorized: { errorCode: 401, message: 'Missing or wrong API key' },
  staleRequest: { errorCode: 401, specificCode: 23005, message: 'Request is stale' },
  forbidden: { errorCode: 403, message: 'The API key lacks the permission' },
  notFound: { errorCode: 404, message: 'Not found' },
  methodNotAllowed: { errorCode: 405, message: 'Method not allowed' },
  requestTimeout: { errorCode: 408, message: 'The request body did not arrive in time' },
  idempotencyBusy: { errorCode: 409, message: 'A request with this Idempotency-Key is still being stored' },
  bodyTooLarge: { errorCode: 413, message: 'The request body is too large' },
  expectationFailed: { errorCode: 417, message: 'The only Expect that is known is 100-continue' },
  skipped: {
    errorCode: 424,
    message: 'The job was not run, because one that it depends on did not end as needed',
  },
  unsupportedEncoding: { errorCode: 415, message: 'Unsupported Content-Encoding' },
  idempotencyMismatch: { errorCode: 422, message: 'This Idempotency-Key was used with another request body' },
  tooManyRequests: { errorCode: 429, message: 'Too many requests' },
  headersTooLarge: { errorCode: 431, message: 'The request line and headers have more than 16 KiB' },
  jobFailed: { errorCode: 461, message: 'The request failed' },
  internal: { errorCode: 500, message: 'Internal error' },
  notConfigured: { errorCode: 501, message: 'The server is not set up for this' },
  unavailable: { errorCode: 503, message: 'The service is not available at the moment' },
  stillRunning: { errorCode: 504, message: 'The job is still running' },
  versionNotSupported: { errorCode: 505, message: 'HTTP/1.0 and HTTP/1.1 are supported' },
} as const satisfies Record<string, { errorCode: number; specificCode?: number; message: string }>;

export type ErrorName = keyof typeof catalogue;

/**
 * What a caller receives: the contract's error shape. A job's error is stored with its errorCode first, because a
 * restart finds it there.
 */
export interface ErrorBody {
  errorCode: number;
  message: string;
  specificCode?: number;
  additionalMessages?: string[];
  /** Facts that an action adds, any JSON: the answer of another API, for example. */
  details?: unknown;
}

/** True when the code can be the status of an answer: an error's status is its errorCode. */
export function isErrorStatus(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) <= 599;
}

/** An error meant for the caller; any other error is answered with 500 and without its message. */
export class BatchwrightError extends Error {
  readonly body: ErrorBody;
  readonly kind: ErrorName;
  /** Seconds until a repeat makes sense; becomes the `Retry-After` header. */
  readonly retryAfter: number | undefined;
  /** Further fields of the answer, such as the asyncId of a job that is still running. */
  readonly extra: Record<string, unknown> | undefined;

  constructor(
    kind: ErrorName,
    options: {
      message?: string;
      details?: string[];
      retryAfter?: number;
      extra?: Record<string, unknown>;
      cause?: unknown;
    } = {},
  ) {
    const entry: { errorCode: number; specificCode?: number; message: string } = catalogue[kind];
    super(options.message ?? entry.message, { cause: options.cause });
    this.name = 'BatchwrightError';
    this.kind = kind;
    this.retryAfter = options.retryAfter;
    this.extra = options.extra;
    this.body = {
      errorCode: entry.errorCode,
      message: this.message,
      ...(entry.specificCode === undefined ? {} : { specificCode: entry.specificCode }),
      ...(options.details?.length ? { additionalMessages: options.details } : {}),
    };
  }
}
