/** Pages of lists: their length, and the cursor where they begin. */
import { BatchwrightError } from '../../contract/errors.ts';
import { wholeNumberIn } from '../../domain/text.ts';
import { wholeNumber } from '../body/query.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** The largest job index: Postgres stores it as an integer. */
export const MAX_INDEX = 2 ** 31 - 1;

/** Throws `badRequest` for another number than 1 to 1,000. */
export function pageLimit(limit: string | undefined): number {
  return wholeNumber('limit', limit, 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
}

/** The index of a job that a cursor names; 0 without one. */
export function indexOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const index = wholeNumberIn(cursor, 0, MAX_INDEX);
  if (index === null) throw wrongCursor();
  return index;
}

export function wrongCursor(): BatchwrightError {
  return new BatchwrightError('badRequest', {
    message: 'cursor must be the nextCursor of an earlier answer',
  });
}
