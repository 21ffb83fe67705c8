import { inspect } from 'node:util';

/** A value on one line, shortened. */
export function shown(value: unknown): string {
  const text = inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 1, maxStringLength: 100 });
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
