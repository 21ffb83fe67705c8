import type { ClientBase, Pool } from 'pg';
import type { ErrorBody } from '../contract/errors.ts';
import type { ResultStatus } from '../domain/outcome.ts';
import type { BatchRow } from './batches.ts';
import { errorStarts, errorTerms, filterTerms, type ResultFilter } from './result-filter.ts';

/** The result of one job; null while it has none. `response` is JSON text. */
export async function resultAt(
  client: ClientBase | Pool,
  batchId: string,
  index: number,
): Promise<{ status: ResultStatus; response: string } | null> {
  const { rows } = await client.query<{ status: ResultStatus; response: string }>({
    name: 'result-at',
    text: `select status, coalesce(response, 'null') as response from batchwright.result
     where batch_id = $1 and index = $2`,
    values: [batchId, index],
  });
  return rows[0] ?? null;
}

/** The index of the n-th result (from 0) that the filter selects, or null when there are fewer. */
export async function nthResultIndex(
  client: ClientBase | Pool,
  batchId: string,
  filter: ResultFilter,
  n: number,
): Promise<number | null> {
  const { text, values } = filterTerms(filter, 3);
  const { rows } = await client.query<{ index: number }>(
    `select index from batchwright.result where batch_id = $1 ${text}
     order by index offset $2 limit 1`,
    [batchId, n, ...values],
  );
  return rows[0]?.index ?? null;
}

/** Selects results that did not succeed: those that every member selects, all without members. */
export interface UnsuccessfulSelection {
  /** A bit for each job of the batch, the lowest of a byte first. */
  indexes?: Uint8Array | undefined;
  statuses?: readonly string[] | undefined;
  /** Of the error that is the response. */
  errorCode?: number | undefined;
  /** Likewise, as in a ResultFilter. */
  message?: string | undefined;
}

/**
 * Deletes results that did not succeed, before a restart; returns the number of each status. Jobs that
 * skipInvalid let pass stay failed, because they can never run.
 */
export async function deleteUnsuccessful(
  client: ClientBase,
  batchId: string,
  { indexes, statuses, ...error }: UnsuccessfulSelection = {},
): Promise<{ failed: number; cancelled: number; skipped: number }> {
  // A status is compared as text, because it need not be one of today.
  const { rows } = await client.query<{ failed: number; cancelled: number; skipped: number }>(
    `with deleted as (
       delete from batchwright.result
       where batch_id = $1 and status <> 'succeeded'
         and ($2::bytea is null or case when index < 8 * length($2) then get_bit($2, index) = 1 end)
         and ($3::text[] is null or status::text = any($3))
         and ${errorTerms('$4', '$5')}
         and not exists (
           select from batchwright.chunk cross join unnest(invalid_indexes) as invalid (index)
           where chunk.batch_id = $1 and invalid.index = result.index)
       returning status
     )
     select count(*) filter (where status = 'failed')::int as failed,
            count(*) filter (where status = 'cancelled')::int as cancelled,
            count(*) filter (where status = 'skipped')::int as skipped
     from deleted`,
    [batchId, indexes, statuses, ...errorStarts(error)],
  );
  return rows[0] ?? { failed: 0, cancelled: 0, skipped: 0 };
}

/** The number of results of each of these batches. */
export async function countResults(
  client: ClientBase,
  batchIds: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await client.query<{ id: string; count: number }>(
    'select batch_id as id, count(*) from batchwright.result where batch_id = any($1) group by batch_id',
    [batchIds],
  );
  return new Map(rows.map(({ id, count }) => [id, count]));
}

/**
 * Records every job without a result as failed, without an attempt; returns their number. Call it with the
 * batch locked; it leaves the batch's counters unchanged.
 */
export async function insertLost(
  client: ClientBase,
  { id, finishedAt }: Pick<BatchRow, 'id' | 'finishedAt'>,
  error: ErrorBody,
  ranges: readonly { from: number; to: number }[],
): Promise<number> {
  const { rowCount } = await client.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
     select $1::uuid, index, 'failed', $2::json, 0, null, coalesce($3::timestamptz, now())
     from unnest($4::int[], $5::int[]) as range (first, after) cross join generate_series(first, after - 1) as index
     on conflict do nothing`,
    [id, JSON.stringify(error), finishedAt, ranges.map(({ from }) => from), ranges.map(({ to }) => to)],
  );
  return rowCount ?? 0;
}
