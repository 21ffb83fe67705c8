/** Which jobs a restart runs again. */
import { BatchwrightError } from '../../contract/errors.ts';
import { counted } from '../../domain/counted.ts';
import type { UnsuccessfulSelection } from '../../store/results.ts';

/** The ends of jobs that a restart can select. */
export const RESTART_STATUSES = ['failed', 'cancelled', 'skipped'] as const;
export type RestartStatus = (typeof RESTART_STATUSES)[number];

/**
 * Selects among the jobs that have not succeeded: those that every member selects, all without members. Jobs
 * that have succeeded never run again, also when an index names them.
 */
export interface RestartSelection {
  indexes?: Int32Array | undefined;
  statuses?: readonly RestartStatus[] | undefined;
  /** Of the response's error. */
  errorCode?: number | undefined;
  /** Likewise; of a long message its beginning. */
  message?: string | undefined;
}

/** @throws BatchwrightError `badRequest` for an index that the batch does not have */
export function toStored({ indexes, ...selection }: RestartSelection, total: number): UnsuccessfulSelection {
  return indexes === undefined ? selection : { ...selection, indexes: bitmapOf(indexes, total) };
}

/** A bit for each job, the lowest of a byte first, as `get_bit` of Postgres reads it: a million are 125 KB. */
function bitmapOf(indexes: Int32Array, total: number): Buffer {
  const bits = Buffer.alloc(Math.ceil(total / 8));
  indexes.forEach((index, place) => {
    if (index >= total)
      throw new BatchwrightError('badRequest', {
        message: `indexes[${place}] is ${index}: the batch has ${counted(total, 'job')}, counted from 0`,
      });
    bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return bits;
}
