import { BatchwrightError } from '../../domain/errors.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** `?limit=`: how many at once. Throws `badRequest`. */
export function pageLimit(value: unknown): number {
  if (value === undefined) return DEFAULT_LIMIT;
  const limit = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT)
    throw new BatchwrightError('badRequest', {
      message: `limit must be a whole number from 1 to ${MAX_LIMIT}`,
    });
  return limit;
}

/** One of the allowed words, or undefined when there is none. Throws `badRequest`. */
export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new BatchwrightError('badRequest', { message: `${name} must be one of ${allowed.join(', ')}` });
}
