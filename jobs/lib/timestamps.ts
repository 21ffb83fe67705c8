/** Dates and times as iVvy writes them: `2026-11-25 22:47:42 UTC`. */

/** The text with its ` UTC`, which callers may leave out; Postgres would otherwise read it in its own time zone. */
export function withUtc(timestamp: string): string {
  return timestamp.endsWith(' UTC') ? timestamp : `${timestamp} UTC`;
}

/** The SQL that shows a `timestamptz` so. */
export function shownInUtc(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')`;
}
