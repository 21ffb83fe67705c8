/** Which jobs of a batch are shown: in the address, and in requests for results. */
import type { OpenJob } from '../../../client/index.ts';
import { queryValue } from '../../state/place.ts';

const NAMES = ['status', 'errorCode', 'message'] as const;
const OPEN: readonly string[] = ['pending', 'waiting', 'running'];
/** In the address: jobs of all statuses that have not ended. */
export const NOT_ENDED = 'open';

/** The filter of the address, as the query of `/results`. */
export function resultFilter(): URLSearchParams {
  const filter = new URLSearchParams();
  for (const name of NAMES) {
    const value = queryValue(name);
    if (value !== undefined && !(name === 'status' && isOpen(value))) filter.set(name, value);
  }
  return filter;
}

/**
 * The filter of the address, as the query of `/jobs`; undefined when it selects jobs that have ended.
 *
 * The status is undefined for all that have not ended.
 */
export function openFilter(): { status: OpenJob['status'] | undefined } | undefined {
  const status = queryValue('status');
  if (status === undefined || !isOpen(status)) return undefined;
  return { status: status === NOT_ENDED ? undefined : (status as OpenJob['status']) };
}

function isOpen(status: string): boolean {
  return status === NOT_ENDED || OPEN.includes(status);
}
