/** An action's error as callers see it: its message and the fields that the action set, never a stack. */
import { catalogue, type ErrorBody, isErrorStatus } from '../../contract/errors.ts';
import { isActionError, NonRetryableError, RetryLaterError, ThrottledError } from '../../plugin/errors.ts';

/** A run took longer than its action's timeout. */
export class TimeoutError extends Error {}

/** An error object is stored with each failed job, so it must stay small for any thrown value. */
const MAX_MESSAGE_LENGTH = 10_000;
const MAX_MESSAGES = 100;
const MAX_DETAILS_LENGTH = 64 * 1024;

/** What the thrown error asks for. */
export interface Judgement {
  body: ErrorBody;
  /** False when no further run can help. */
  repeatable: boolean;
  /** The shortest pause before the next run. */
  delaySeconds: number;
  /** The called service refused the job for now: the run does not count as an attempt. */
  isThrottled: boolean;
}

/**
 * Never throws. An action may throw any value, even one that throws when it is read: a revoked Proxy, or an
 * error whose message is a getter that throws.
 */
export function judge(thrown: unknown): Judgement {
  try {
    return {
      body: bodyOf(thrown),
      repeatable: !(thrown instanceof NonRetryableError),
      delaySeconds: requestedDelay(thrown),
      isThrottled: thrown instanceof ThrottledError,
    };
  } catch {
    const { errorCode } = catalogue.internal;
    const body = { errorCode, message: 'the action threw a value that cannot be read' };
    return { body, repeatable: true, delaySeconds: 0, isThrottled: false };
  }
}

export function errorBody(thrown: unknown): ErrorBody {
  return judge(thrown).body;
}

/** `instanceof` for a thrown value: a revoked Proxy throws when it is checked. */
export function isInstance<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

/** True for an error that asks for a later run: runs of the same group at once would be refused too. */
export function asksForLater(thrown: unknown): boolean {
  return isInstance(thrown, RetryLaterError) || isInstance(thrown, ThrottledError);
}

/** `Retry-After` is limited to this too. */
const MAX_REQUESTED_SECONDS = 86_400;
/** The pause of a refused job when it asked for none that makes sense: it must not run again at once. */
const MIN_THROTTLED_SECONDS = 1;

function requestedDelay(thrown: unknown): number {
  if (thrown instanceof ThrottledError) {
    const { delaySeconds } = thrown;
    return delaySeconds > 0 ? delaySeconds : MIN_THROTTLED_SECONDS;
  }
  if (!(thrown instanceof RetryLaterError)) return 0;
  const { delaySeconds } = thrown;
  return delaySeconds > 0 ? Math.min(delaySeconds, MAX_REQUESTED_SECONDS) : 0;
}

function bodyOf(error: unknown): ErrorBody {
  if (isActionError(error)) {
    const { errorCode, specificCode, additionalMessages, details } = error.options;
    const { errorCode: usual } =
      error instanceof NonRetryableError ? catalogue.jobFailed : catalogue.tooManyRequests;
    return {
      errorCode: isErrorStatus(errorCode) ? errorCode : usual,
      message: textOf(error.message),
      ...(Number.isSafeInteger(specificCode) ? { specificCode: Number(specificCode) } : {}),
      ...(Array.isArray(additionalMessages)
        ? { additionalMessages: additionalMessages.slice(0, MAX_MESSAGES + 1).map(textOf) }
        : {}),
      ...detailsOf(details),
    };
  }
  if (error instanceof TimeoutError) return { errorCode: 504, message: error.message };
  const message = textOf(error instanceof Error ? error.message : error);
  return { errorCode: statusOf(error), message: message || catalogue.internal.message };
}

/** The status that an error of an HTTP client carries, if it has one. */
function statusOf(error: unknown): number {
  if (!(error instanceof Error)) return catalogue.internal.errorCode;
  const { errorCode, status, statusCode } = error as {
    errorCode?: unknown;
    status?: unknown;
    statusCode?: unknown;
  };
  return [errorCode, status, statusCode].find(isErrorStatus) ?? catalogue.internal.errorCode;
}

/** A copy, because reading the original again could throw. Details that are too long or not JSON are left out. */
function detailsOf(details: unknown): Pick<ErrorBody, 'details'> {
  try {
    const text = JSON.stringify(details) as string | undefined;
    return text === undefined || text.length > MAX_DETAILS_LENGTH ? {} : { details: JSON.parse(text) };
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  const text = String(value);
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text;
}
