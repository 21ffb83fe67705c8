import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from '../domain/http-date.ts';

const MAX_SECONDS = 86_400;

/**
 * The delay that an answer asks for in `Retry-After`, as seconds or as an HTTP date, between 0 and a day.
 * Null without one or with one that is neither. A date is read against the answer's own `Date`, where it
 * has one: the clocks may differ.
 */
export function retryAfterSeconds(headers: IncomingHttpHeaders): number | null {
  const value = headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value), MAX_SECONDS);
  const now = parseHttpDate(headers.date?.trim() ?? '', Date.now()) ?? Date.now();
  const date = parseHttpDate(value, now);
  return date === null ? null : Math.min(Math.max(Math.ceil((date - now) / 1000), 0), MAX_SECONDS);
}
