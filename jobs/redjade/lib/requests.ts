/** Reads what requests of these routes have in common. */
import type { NonRetryableError, RouteCaller } from 'batchwright/plugin';
import type { Request } from 'express';
import { refused } from './errors.ts';

/** Entries of a list, when the request does not say how many. */
const PER_PAGE = 1000;

/** Throws 403 unless the key has the permission. */
export function requirePermission({ permissions }: RouteCaller, action: string): void {
  const allowed = permissions.some((pattern) => ['*', 'redjade.*', `redjade.${action}`].includes(pattern));
  if (!allowed) throw lacks(`redjade.${action}`);
}

/** Throws 403 unless the key has a permission of this namespace: imports have names and addresses of people. */
export function requireReading({ permissions }: RouteCaller): void {
  if (!permissions.some((pattern) => pattern === '*' || pattern.startsWith('redjade.')))
    throw lacks('every permission of redjade');
}

function lacks(permission: string): NonRetryableError {
  return refused(403, [{ message: `The API key lacks ${permission}` }]);
}

/** The whole number in a path. Throws 404 for anything else: there is nothing under such a path. */
export function idIn(request: Request, what: string): number {
  const text = String(request.params.id);
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id) && id > 0) return id;
  throw noSuch(what, text.slice(0, 50));
}

export function noSuch(what: string, id: string | number): NonRetryableError {
  return refused(404, [{ message: `There is no ${what} ${id}` }]);
}

/** The names in the query with their values. Throws 422 for a name that is not known or given twice. */
export function queryOf(request: Request, known: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.query)) {
    const field = name.slice(0, 100).toWellFormed();
    if (!known.includes(name)) throw refused(422, [{ message: `${field} is not known`, field }]);
    if (typeof value !== 'string') throw refused(422, [{ message: `${field} must be given once`, field }]);
    query[name] = value;
  }
  return query;
}

/** The page that a query asks for: `start` from 0, at most `perPage` entries. */
export function pageIn(
  query: Record<string, string>,
  { perPage = PER_PAGE } = {},
): { start: number; perPage: number } {
  return {
    start: wholeNumber(query, 'start', { least: 0, most: Number.MAX_SAFE_INTEGER, absent: 0 }),
    perPage: Math.min(
      wholeNumber(query, 'perPage', { least: 1, most: Number.MAX_SAFE_INTEGER, absent: perPage }),
      perPage,
    ),
  };
}

/** A whole number of the query. Throws 422 when it is another text, or out of range. */
export function wholeNumber(
  query: Record<string, string>,
  field: string,
  { least, most, absent }: { least: number; most: number; absent?: number },
): number {
  const text = query[field];
  if (text === undefined && absent !== undefined) return absent;
  if (text === undefined) throw refused(422, [{ message: `${field} is required`, field }]);
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw refused(422, [{ message: `${field} must be a whole number of at least ${least}`, field }]);
}
