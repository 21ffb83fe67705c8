/** Times that callers send, as RFC 3339 writes them. */

const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/**
 * In ms since 1970; NaN for a text that is no time, a day that its month does not have, and a leap second, of which
 * JavaScript knows nothing.
 */
export function parseInstant(text: string): number {
  const [, year, month, day] = INSTANT.exec(text) ?? [];
  if (day === undefined) return Number.NaN;
  // Date.parse reads February 30 as March 2.
  const isDay = Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return isDay ? Date.parse(text) : Number.NaN;
}
