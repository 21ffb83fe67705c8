const TIMESTAMP = /^(?!0000)(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?: UTC)?$/;

/** True for a real date and time `YYYY-MM-DD HH:mm:ss UTC`, or without the ` UTC`; the year is 0001 or later. */
export function isUtcTimestamp(text: string): boolean {
  const [, day, time] = TIMESTAMP.exec(text) ?? [];
  if (day === undefined) return false;
  const date = new Date(`${day}T${time}Z`);
  // JavaScript reads February 30 as March 2, and 24:00:00 as the next day.
  return !Number.isNaN(date.getTime()) && date.toISOString() === `${day}T${time}.000Z`;
}
