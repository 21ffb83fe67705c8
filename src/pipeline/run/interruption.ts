import { isDatabaseUnavailable } from '../../postgres/errors.ts';

/**
 * After this many outages in a row the attempt counts. Otherwise a job that causes the outages would run for
 * ever.
 */
const MAX_INTERRUPTIONS = 20;

/**
 * True when a run that ended with this error does not count as an attempt. `interruptions` is the number of
 * outages since its first try.
 */
export function isInterruption(error: unknown, interruptions = 0): boolean {
  return interruptions < MAX_INTERRUPTIONS && isDatabaseUnavailable(error);
}
