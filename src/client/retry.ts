/** Which errors a repeat may cure, and when. */
import { ApiError, ConflictError, ConnectionError } from './errors.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** A longer Retry-After is the caller's to wait for. */
const LONGEST_RETRY_AFTER_SECONDS = 120;

/** Not set up, and a version of HTTP that is not supported. */
const LASTING = [501, 505];

/** True when the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ApiError)) return false;
  const { status, retryAfter = 0 } = error;
  if (retryAfter > LONGEST_RETRY_AFTER_SECONDS) return false;
  return status === 408 || status === 429 || (status >= 500 && !LASTING.includes(status));
}

/**
 * True while the first request under this key is still being stored, which may be the one whose connection broke: it
 * is no failure of this attempt.
 */
export function isBeingStored(error: unknown): boolean {
  return error instanceof ConflictError && error.retryAfter !== undefined;
}

/** True when the server has refused the request without doing anything. */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && [408, 429, 503].includes(error.status);
}

/**
 * The pause before a repeat: what Retry-After says, else twice as long each time, with jitter.
 *
 * @param failures so far, from 1
 */
export function pauseMs(failures: number, error: unknown): number {
  if (error instanceof ApiError && error.retryAfter !== undefined) return error.retryAfter * 1000;
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return longest * (0.5 + Math.random() / 2);
}
