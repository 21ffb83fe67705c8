/** JSON answers with results: for `batch?action=results`, and for a page below /v1. */
import type { Pool } from 'pg';
import { hasEnded, toAsyncId } from '../../domain/batch.ts';
import type { ResultStatus } from '../../domain/outcome.ts';
import type { BatchRow } from '../../store/batches.ts';
import type { ResultFilter } from '../../store/result-filter.ts';
import { nthResultIndex } from '../../store/results.ts';
import { elements } from './result-json.ts';
import { ResultStream } from './result-stream.ts';

export interface ResultSelection {
  /** Zero-based position among the results with that status. */
  start: number;
  /** All when undefined. */
  perPage: number | undefined;
  status: ResultStatus | undefined;
}

/** A page below /v1 ends early when it exceeds this length. */
const MAX_PAGE_LENGTH = 4 * 1024 * 1024;

/** `{"asyncId","results":[…],"meta":{"totalResults","start","perPage","count"}}` of an ended batch. */
export async function rpcResults(
  pool: Pool,
  batch: BatchRow,
  { start, perPage, status }: ResultSelection,
): Promise<ResultStream> {
  const totalResults = status ? batch[status] : batch.total;
  // An ended batch has a result for every index: positions and indexes differ only under a filter.
  const fromIndex = status && start > 0 ? await nthResultIndex(pool, batch.id, { status }, start) : start;
  const form = {
    head: `{"asyncId":"${toAsyncId(batch.id)}","results":[`,
    write: elements,
    tail: (count: number) =>
      `],"meta":${JSON.stringify({ totalResults, start, perPage: perPage ?? totalResults, count })}}`,
  };
  const range = fromIndex === null ? { limit: 0 } : { fromIndex, limit: perPage, filter: { status } };
  return new ResultStream(pool, batch.id, form, range);
}

export type { ResultFilter };

/** Beyond every result. */
const NOWHERE = 2 ** 31 - 1;

/** The index where results begin that are to be read from an index on, or from the n-th that the filter selects. */
export async function firstIndex(
  pool: Pool,
  { id, state }: BatchRow,
  filter: ResultFilter,
  place: { index: number } | { nth: number },
): Promise<number> {
  if ('index' in place) return place.index;
  const isWhole = hasEnded(state) && Object.values(filter).every((value) => value === undefined);
  if (place.nth === 0 || isWhole) return place.nth;
  return (await nthResultIndex(pool, id, filter, place.nth)) ?? NOWHERE;
}

/** `{"data":[…],"nextCursor"}`: a cursor is the index to continue from; null when the page is the last. */
export function resultPage(
  pool: Pool,
  batchId: string,
  range: { fromIndex: number; limit: number; filter: ResultFilter },
): ResultStream {
  const form = {
    head: '{"data":[',
    write: elements,
    tail: (_count: number, next: number | null) => `],"nextCursor":${next === null ? 'null' : `"${next}"`}}`,
  };
  return new ResultStream(pool, batchId, form, { ...range, maxLength: MAX_PAGE_LENGTH, findsNext: true });
}
