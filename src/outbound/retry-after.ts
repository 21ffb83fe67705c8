import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from '../domain/http-date.ts';
import { wholeNumberIn } from '../domain/text.ts';

const MAX_SECONDS = 86_400;

/**
 * The delay in `Retry-After`, given in seconds or as an HTTP date, between 0 and a day. Null when it is
 * absent or malformed. A date is compared with the answer's own `Date`, if it has one, because the clocks may
 * differ.
 */
export function retryAfterSeconds(headers: IncomingHttpHeaders): number | null {
  const value = headers['retry-after']?.trim() ?? '';
  const seconds = wholeNumberIn(value, 0, Number.POSITIVE_INFINITY);
  if (seconds !== null) return Math.min(seconds, MAX_SECONDS);
  const now = parseHttpDate(headers.date?.trim() ?? '', Date.now()) ?? Date.now();
  const date = parseHttpDate(value, now);
  return date === null ? null : Math.min(Math.max(Math.ceil((date - now) / 1000), 0), MAX_SECONDS);
}
