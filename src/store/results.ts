import type { ClientBase, Pool } from 'pg';
import type { ResultStatus } from '../domain/outcome.ts';

export interface ResultRow {
  index: number;
  status: ResultStatus;
  /** JSON text; null only when nothing was answered. */
  response: string | null;
  attempts: number;
  startedAt: Date | null;
  finishedAt: Date;
}

/**
 * Results in request order from `fromIndex` on, optionally of one status: at most `limit`, and only as many as
 * begin within the first `maxBytes` of response text, yet at least one. None when there are no more.
 */
export async function resultPage(
  client: ClientBase | Pool,
  batchId: string,
  page: { fromIndex: number; limit: number; maxBytes: number; status?: ResultStatus | undefined },
): Promise<ResultRow[]> {
  const { rows } = await client.query<ResultRow>({
    name: page.status ? 'result-page-by-status' : 'result-page',
    text: `with page as (
       select index, status, response, attempts, started_at, finished_at,
         coalesce(octet_length(response::text), 0) as bytes
       from batchwright.result
       where batch_id = $1 and index >= $2 ${page.status ? 'and status = $5' : ''}
       order by index limit $3
     ), sized as (
       select *, sum(bytes) over (order by index rows unbounded preceding) - bytes as before from page
     )
     select index, status, response, attempts, started_at as "startedAt", finished_at as "finishedAt"
     from sized where before < $4 order by index`,
    values: [batchId, page.fromIndex, page.limit, page.maxBytes, ...(page.status ? [page.status] : [])],
  });
  return rows;
}

/** The index of the n-th result (from 0) of that status, or null when there are fewer. */
export async function nthResultIndex(
  client: ClientBase | Pool,
  batchId: string,
  status: ResultStatus,
  n: number,
): Promise<number | null> {
  const { rows } = await client.query<{ index: number }>(
    `select index from batchwright.result where batch_id = $1 and status = $2
     order by index offset $3 limit 1`,
    [batchId, status, n],
  );
  return rows[0]?.index ?? null;
}

/**
 * Deletes what did not succeed, ahead of a restart; answers how many of each status went. What skipInvalid
 * let pass stays failed: it can never run.
 */
export async function deleteUnsuccessful(
  client: ClientBase,
  batchId: string,
): Promise<{ failed: number; cancelled: number }> {
  const { rows } = await client.query<{ failed: number; cancelled: number }>(
    `with deleted as (
       delete from batchwright.result
       where batch_id = $1 and status <> 'succeeded' and not exists (
         select from batchwright.chunk cross join unnest(invalid_indexes) as invalid (index)
         where chunk.batch_id = $1 and invalid.index = result.index)
       returning status
     )
     select count(*) filter (where status = 'failed')::int as failed,
            count(*) filter (where status = 'cancelled')::int as cancelled
     from deleted`,
    [batchId],
  );
  return rows[0] ?? { failed: 0, cancelled: 0 };
}
