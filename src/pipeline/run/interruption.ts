import { isDatabaseUnavailable } from '../../postgres/errors.ts';

/** After so many outages in a row an attempt is charged all the same, lest a job that causes them runs for ever. */
const MAX_INTERRUPTIONS = 20;

/** True when a run that ended with the error, `interruptions` outages after its first try, is not charged. */
export function isInterruption(error: unknown, interruptions = 0): boolean {
  return interruptions < MAX_INTERRUPTIONS && isDatabaseUnavailable(error);
}
