/** The answer of `batch?action=results`: one JSON object, in pieces. */
import type { Pool } from 'pg';
import { toAsyncId } from '../domain/batch.ts';
import type { ResultStatus } from '../domain/outcome.ts';
import type { BatchRow } from '../store/batches.ts';
import { nthResultIndex } from '../store/results.ts';
import { readResultPages } from './result-reader.ts';
import { elements } from './results.ts';

export interface ResultSelection {
  /** Zero-based record among those of the status. */
  start: number;
  /** All when undefined. */
  perPage: number | undefined;
  status: ResultStatus | undefined;
}

/** `{"asyncId","results":[…],"meta":{"totalResults","start","perPage","count"}}` of a batch that has ended. */
export async function* readResults(
  pool: Pool,
  batch: BatchRow,
  { start, perPage, status }: ResultSelection,
): AsyncGenerator<Buffer> {
  const totalResults = status ? batch[status] : batch.total;
  // An ended batch has a result for every index: only a filter makes records and indexes differ.
  const fromIndex = status && start > 0 ? await nthResultIndex(pool, batch.id, status, start) : start;
  yield Buffer.from(`{"asyncId":"${toAsyncId(batch.id)}","results":[`);
  let count = 0;
  if (fromIndex !== null)
    for await (const page of readResultPages(pool, batch.id, { fromIndex, limit: perPage, status })) {
      yield elements(page, count === 0);
      count += page.length;
    }
  const meta = { totalResults, start, perPage: perPage ?? totalResults, count };
  yield Buffer.from(`],"meta":${JSON.stringify(meta)}}`);
}
