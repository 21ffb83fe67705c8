/** What a caller sees of an action's error: its message and what the action chose to tell, never a stack. */
import { catalogue, type ErrorBody } from '../domain/errors.ts';
import { NonRetryableError, RetryLaterError } from '../plugin/errors.ts';

/** A run took longer than its action's timeout. */
export class TimeoutError extends Error {}

/** An error object is kept with each failed job: it must stay small, whatever the action threw. */
const MAX_MESSAGE_LENGTH = 10_000;
const MAX_MESSAGES = 100;

/** Total: an action may throw anything, things that throw again when they are looked at among them. */
export function errorBody(error: unknown): ErrorBody {
  try {
    return told(error);
  } catch {
    return {
      errorCode: catalogue.internal.errorCode,
      message: 'the action threw something that is no error',
    };
  }
}

function told(error: unknown): ErrorBody {
  if (error instanceof NonRetryableError || error instanceof RetryLaterError) {
    const { errorCode, specificCode, additionalMessages } = error.options;
    return {
      errorCode: isStatus(errorCode) ? errorCode : catalogue.failedRequest.errorCode,
      message: textOf(error.message),
      ...(Number.isSafeInteger(specificCode) ? { specificCode: Number(specificCode) } : {}),
      ...(Array.isArray(additionalMessages)
        ? { additionalMessages: additionalMessages.slice(0, MAX_MESSAGES + 1).map(textOf) }
        : {}),
    };
  }
  if (error instanceof TimeoutError) return { errorCode: 504, message: error.message };
  const message = textOf(error instanceof Error ? error.message : error);
  return { errorCode: catalogue.internal.errorCode, message: message || catalogue.internal.message };
}

/** Whether a code can be an HTTP status: the status of an answer is its errorCode. */
function isStatus(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) <= 599;
}

function textOf(value: unknown): string {
  const text = String(value);
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text;
}
