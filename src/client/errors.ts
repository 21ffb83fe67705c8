/** The errors that the client throws: one class for each kind. */

/** Every error of this client. An abort by the caller's own signal is not one: it throws the signal's reason. */
export class BatchwrightError extends Error {
  override name = 'BatchwrightError';
}

/** The server's answer to a request was an error. */
export class ApiError extends BatchwrightError {
  override name = 'ApiError';
  /** The HTTP status. */
  readonly status: number;
  readonly errorCode: number;
  /** The number of the exact case, as in the table of errors; undefined where it has none. */
  readonly specificCode: number | undefined;
  /** The single faults, such as `jobs[7].params.event must be integer`. */
  readonly messages: readonly string[];
  /** Seconds until a repeat makes sense. */
  readonly retryAfter: number | undefined;
  /** The whole answer, parsed if it is JSON. */
  readonly body: unknown;

  constructor({ status, message, specificCode, messages, retryAfter, body }: ApiErrorParts) {
    super([message, ...messages].join('; '));
    this.status = status;
    this.errorCode = status;
    this.specificCode = specificCode;
    this.messages = messages;
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

export interface ApiErrorParts {
  status: number;
  message: string;
  specificCode: number | undefined;
  messages: readonly string[];
  retryAfter: number | undefined;
  body: unknown;
}

/** 400: the request is wrong, and a repeat would be too. */
export class BadRequestError extends ApiError {
  override name = 'BadRequestError';
}
/** 401: the key is missing, unknown, revoked or expired. */
export class AuthenticationError extends ApiError {
  override name = 'AuthenticationError';
}
/** 403: the key lacks a permission; `messages` name it. */
export class PermissionError extends ApiError {
  override name = 'PermissionError';
}
/** 404: there is no such batch, action or key. */
export class NotFoundError extends ApiError {
  override name = 'NotFoundError';
}
/** 409: the batch has not ended, or the first request under this Idempotency-Key is still being stored. */
export class ConflictError extends ApiError {
  override name = 'ConflictError';
}
/** 413: the body or a job is too large. */
export class TooLargeError extends ApiError {
  override name = 'TooLargeError';
}
/** 422: this Idempotency-Key was used with another body. */
export class IdempotencyError extends ApiError {
  override name = 'IdempotencyError';
}
/** 429: too many requests. */
export class RateLimitError extends ApiError {
  override name = 'RateLimitError';
}
/** 500 and above: the server could not do it. */
export class ServerError extends ApiError {
  override name = 'ServerError';
}

/** The server could not be reached, or the connection broke. */
export class ConnectionError extends BatchwrightError {
  override name = 'ConnectionError';
}

/** The server did not answer in time. */
export class TimeoutError extends ConnectionError {
  override name = 'TimeoutError';
}

/** A callback is not genuine, or too old. */
export class CallbackError extends BatchwrightError {
  override name = 'CallbackError';
}

const CLASSES: Record<number, typeof ApiError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  413: TooLargeError,
  422: IdempotencyError,
  429: RateLimitError,
};

/**
 * The error for an unsuccessful answer: in the form of the batch API, of problem details (RFC 9457), or of
 * whatever stands between.
 */
export function apiError(response: Response, text: string): ApiError {
  const { status } = response;
  const body = parsed(text);
  const members = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const message = members.message ?? members.detail;
  const messages = members.additionalMessages ?? members.errors;
  const Kind = CLASSES[status] ?? (status >= 500 ? ServerError : ApiError);
  return new Kind({
    status,
    message: typeof message === 'string' ? message : `the server answered ${status}`,
    specificCode: typeof members.specificCode === 'number' ? members.specificCode : undefined,
    messages: Array.isArray(messages) ? messages.map(String) : [],
    retryAfter: retryAfterOf(response),
    body,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Retry-After is a number of seconds or a date. */
function retryAfterOf({ headers }: Response): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
