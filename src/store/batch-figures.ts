/** Figures over all results of a batch. */
import type { ClientBase } from 'pg';
import type { ResultStatus } from '../domain/outcome.ts';
import { ERROR_GROUP, ERROR_HEAD } from './result-filter.ts';

/** Failures with the same error. */
export interface ErrorGroup {
  /** The first characters of the error, as JSON text: `errorOfHead` reads them. */
  head: string;
  count: number;
  firstIndex: number;
  /** All failures of the batch. */
  failed: number;
}

/** The failures of the batch by their error, the most frequent first. */
export async function errorGroups(client: ClientBase, batchId: string, limit: number): Promise<ErrorGroup[]> {
  // Groups are told by numbers, so that a million of them are small: Postgres sorts on disk what is too much for memory.
  const { rows } = await client.query<ErrorGroup>({
    name: 'error-groups',
    text: `select largest.count, largest.first_index as "firstIndex", batch.failed,
       (select ${ERROR_HEAD} from batchwright.result where batch_id = $1 and index = largest.first_index) as head
     from (
       select ${ERROR_GROUP} as error, count(*)::int as count, min(index) as first_index
       from batchwright.result
       where batch_id = $1 and status <> 'succeeded' and status = 'failed'
       group by error order by count desc, first_index limit $2
     ) as largest cross join (select failed from batchwright.batch where id = $1) as batch
     order by largest.count desc, largest.first_index`,
    values: [batchId, limit],
  });
  return rows;
}

/** The results of one status that were recorded in one period. */
export interface TimelineRow {
  /** The length of a period, in seconds. */
  width: number;
  /** Of the first and the last period, in ms since the epoch. */
  first: number;
  last: number;
  /** Of this period; null, like the status, when the batch has no result. */
  at: number | null;
  status: ResultStatus | null;
  count: number;
}

/**
 * The batch's results by the time of their end and by status. The periods have the smallest of the widths, in seconds,
 * with which there are at most `most`. Times are the database's.
 */
export async function timeline(
  client: ClientBase,
  batchId: string,
  { widths, most }: { widths: readonly number[]; most: number },
): Promise<TimelineRow[]> {
  const { rows } = await client.query<TimelineRow>({
    name: 'timeline',
    text: `with span as (
       select width, make_interval(secs => width) as period, begun, ended
       from (
         select coalesce(started_at, created_at) as begun, coalesce(finished_at, statement_timestamp()) as ended
         from batchwright.batch where id = $1
       ) as batch cross join lateral (
         select width from unnest($2::float8[]) as width
         where floor(extract(epoch from ended) / width) - floor(extract(epoch from begun) / width) < $3
         order by width limit 1
       ) as smallest
     ), counted as (
       select ${periodOf('finished_at')} as at, status, count(*)::int as count
       from batchwright.result where batch_id = $1 group by 1, 2
     )
     select width, ${msOf(periodOf('begun'))} as first, ${msOf(periodOf('ended'))} as last,
       ${msOf('at')} as at, status, coalesce(count, 0) as count
     from span left join counted on true`,
    values: [batchId, widths, most],
  });
  return rows;
}

function periodOf(time: string): string {
  return `date_bin((select period from span), ${time}, 'epoch'::timestamptz)`;
}

function msOf(time: string): string {
  return `(extract(epoch from ${time}) * 1000)::float8`;
}
