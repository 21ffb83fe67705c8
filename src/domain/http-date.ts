/** Dates of HTTP headers. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
/**
 * RFC 9110, 5.6.7: recipients accept three formats: the current one, RFC 850's, and that of C's asctime().
 */
const HTTP_DATES = [
  new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/**
 * In ms since 1970; null for text that is not an HTTP date. `now` decides the century of a two-digit year.
 */
export function parseHttpDate(text: string, now: number): number | null {
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
