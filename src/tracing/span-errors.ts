/** How a span says that its work has failed. */
import { type Span, SpanStatusCode } from '@opentelemetry/api';

/** A longer message is cut. */
const MAX_MESSAGE = 500;

/** @param type a code for the kind of error, as few different ones as possible */
export function setError(span: Span, type: string, message?: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(message === undefined ? {} : { message: message.slice(0, MAX_MESSAGE) }),
  });
}

/** A code for anything thrown: plugins throw anything, also values that throw when they are read. */
export function codeOf(error: unknown): string {
  try {
    const { errorCode, name } = error as { errorCode?: unknown; name?: unknown };
    if (typeof errorCode === 'number') return String(errorCode);
    return typeof name === 'string' ? name : '_OTHER';
  } catch {
    return '_OTHER';
  }
}

export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'an error that cannot be read';
  }
}
