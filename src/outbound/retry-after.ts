import type { IncomingHttpHeaders } from 'node:http';

const MAX_SECONDS = 86_400;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The delay that an answer asks for in `Retry-After`, as seconds or as an HTTP date, between 0 and a day.
 * Null without one or with one that is neither. A date is read against the answer's own `Date`, where it
 * has one: the clocks may differ.
 */
export function retryAfterSeconds(headers: IncomingHttpHeaders): number | null {
  const value = headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value), MAX_SECONDS);
  if (!HTTP_DATE.test(value)) return null;
  const now = HTTP_DATE.test(headers.date ?? '') ? Date.parse(headers.date ?? '') : Date.now();
  const seconds = Math.ceil((Date.parse(value) - now) / 1000);
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), MAX_SECONDS);
}
