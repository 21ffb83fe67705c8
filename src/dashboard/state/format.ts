/** Numbers, times and sizes as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const instant = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** 12,345 */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 job`, `3 jobs` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Three digits: 0.12, 34.5, 6,780 */
export function rate(value: number): string {
  return value >= 100 ? whole.format(value) : short.format(value);
}

/** A moment in the reader's own time zone. */
export function moment(text: string): string {
  return instant.format(new Date(text));
}

/** `340 ms`, `12.3 s`, `4 min 5 s`, `3 h 20 min`, `2 d 4 h` */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  const [size, unit] = units[first] as [number, string];
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[0]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${next && rest > 0 ? ` ${rest} ${next[1]}` : ''}`;
}

const YEAR_MS = 365.25 * 86_400_000;

/** `just now`, `12 s ago`, `in 3 min`, `4 d ago`, `in 5 years` */
export function ago(text: string, now: number): string {
  const ms = now - Date.parse(text);
  const distance = Math.abs(ms);
  if (distance < 2_000) return 'just now';
  const [size, unit] =
    distance < 60_000
      ? [1_000, 's']
      : distance < 3_600_000
        ? [60_000, 'min']
        : distance < 86_400_000
          ? [3_600_000, 'h']
          : distance < 2 * YEAR_MS
            ? [86_400_000, 'd']
            : [YEAR_MS, 'years'];
  const value = `${Math.floor(distance / (size as number))} ${unit}`;
  return ms > 0 ? `${value} ago` : `in ${value}`;
}

/** `812 bytes`, `3.2 KB`, `1.1 MB` */
export function bytes(value: number): string {
  if (value < 1_000) return `${value} bytes`;
  const [size, unit] = value < 1_000_000 ? [1_000, 'KB'] : value < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${short.format(value / (size as number))} ${unit}`;
}
