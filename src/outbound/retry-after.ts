import type { IncomingHttpHeaders } from 'node:http';

const MAX_SECONDS = 86_400;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
/** RFC 9110, 5.6.7: recipients accept the date of today's senders, that of RFC 850, and that of C's asctime(). */
const HTTP_DATES = [
  new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

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

/** In ms since 1970; null for text that is no HTTP date. `now` decides which century a year of two digits is in. */
function parseHttpDate(text: string, now: number): number | null {
  const parts = HTTP_DATES.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (!parts) return null;
  const { year = '', month = '' } = parts;
  const [day = 0, hour = 0, minute = 0, second = 0] = [parts.day, parts.hour, parts.minute, parts.second].map(
    Number,
  );
  const fullYear = year.length === 4 ? Number(year) : yearOf(Number(year), new Date(now).getUTCFullYear());
  const date = new Date(0);
  date.setUTCFullYear(fullYear, MONTHS.indexOf(month), day);
  if (date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 60) return null;
  return date.setUTCHours(hour, minute, second);
}

/** The last year with these two digits that is at most 50 years away. */
function yearOf(twoDigits: number, thisYear: number): number {
  const latest = thisYear + 50;
  return latest - ((latest - twoDigits) % 100);
}
