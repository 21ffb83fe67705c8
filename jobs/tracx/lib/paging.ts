/** The query of lists: `page` from 1, and `per_page`. */
import type { Request } from 'express';
import { invalidField } from './envelope.ts';

export interface Page {
  /** From 1. */
  number: number;
  perPage: number;
}

/** A greater `per_page` is taken as this one. */
export const MAX_PER_PAGE = 200;
const DEFAULT_PER_PAGE = 100;
/** The number of the last record of the last page must be exact. */
const MAX_PAGE = Math.floor(Number.MAX_SAFE_INTEGER / MAX_PER_PAGE);

/** The page that the query asks for; null when it asks for none. Throws 422 for a number that is not one. */
export function pageOf({ query }: Request): Page | null {
  if (query.page === undefined && query.per_page === undefined) return null;
  return {
    number: wholeNumber('page', query.page ?? '1', MAX_PAGE),
    perPage: Math.min(
      MAX_PER_PAGE,
      wholeNumber('per_page', query.per_page ?? String(DEFAULT_PER_PAGE), Number.MAX_SAFE_INTEGER),
    ),
  };
}

export const FIRST_PAGE: Page = { number: 1, perPage: DEFAULT_PER_PAGE };

/** A value of the query, from 1 to `most`. Throws 422 that names the field. */
export function wholeNumber(field: string, value: unknown, most = Number.MAX_SAFE_INTEGER): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > most) throw invalidField(field, `must be an integer from 1 to ${most}`);
  return number;
}
