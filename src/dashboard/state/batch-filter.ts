/** Which batches are listed: the filters of `/v1/batches`, in the address under the same names. */
import type { Batch } from '../../client/index.ts';
import { queryValue, queryValues } from './place.ts';

/** Filters that the events of a batch can be compared with, beside its metadata. */
const NAMES = ['state', 'name', 'action', 'failed'] as const;
/** Those that only the server compares. */
const TIMES = ['since', 'until'] as const;
export const METADATA = 'metadata.';

export function isUnfinished({ state }: Batch): boolean {
  return state === 'queued' || state === 'running';
}

/** The filters that the address has, by name. */
export function batchFilters(): Record<string, string> {
  const given = [...NAMES, ...TIMES].flatMap((name) => {
    const value = queryValue(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(given), ...queryValues(METADATA) };
}

/** Whether batches that are taken now may belong to the list. */
export function areNewestListed(filters: Record<string, string>): boolean {
  return TIMES.every((name) => filters[name] === undefined);
}

/** Whether the batch, as it is now, belongs to the list. */
export function isListed(batch: Batch, filters: Record<string, string>): boolean {
  const { state, name, action, failed } = filters;
  return (
    (state === undefined || batch.state === state) &&
    (name === undefined || batch.name === name) &&
    (action === undefined || batch.actions?.includes(action) === true) &&
    (failed === undefined || String(batch.counts.failed > 0) === failed) &&
    Object.entries(filters).every(
      ([key, value]) => !key.startsWith(METADATA) || batch.metadata?.[key.slice(METADATA.length)] === value,
    )
  );
}
