/** Which jobs of a batch are shown: in the address, and in requests for results. */
import { queryValue } from '../../state/place.ts';

const NAMES = ['status', 'errorCode', 'message'] as const;

/** The filter of the address, as the query of `/results`. */
export function resultFilter(): URLSearchParams {
  const filter = new URLSearchParams();
  for (const name of NAMES) {
    const value = queryValue(name);
    if (value !== undefined) filter.set(name, value);
  }
  return filter;
}
