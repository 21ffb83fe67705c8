/** Reads the results of a chunk as one database row. */
import type { ClientBase, Pool } from 'pg';
import type { ResultStatus } from '../domain/outcome.ts';
import { decodeJobs, decodeText, type StoredBody } from './chunk-body.ts';
import { filterTerms, type ResultFilter } from './result-filter.ts';

/** Results of one chunk as one database row, so that they need not be handled one by one. */
export interface ResultPage {
  /** The batch's generation when the page was read. */
  total: number;
  generation: number;
  /**
   * The chunk of these results: its number and the index of its first job. If that chunk was deleted by hand,
   * it is the next chunk, or null when there is none.
   */
  chunk: number | null;
  firstIndex: number | null;
  /** The chunk's jobs as they were sent, JSON text of an array; null when the reader already has them. */
  jobs: string | null;
  /** JSON text of an array: the responses, in the order of the indexes. */
  responses: string;
  /** By index: the params of jobs that got values from others' responses, as JSON text. */
  bound: ReadonlyMap<number, string>;
  rows: ResultRow[];
}

export interface ResultRow {
  index: number;
  status: ResultStatus;
  attempts: number;
  /** In ms since the epoch; null for a job that never ran. */
  startedAt: number | null;
  finishedAt: number;
}

/**
 * Results in request order from `fromIndex` on, those that the filter selects, of the first chunk that has any. At
 * most `limit`, and only those that begin within the first `maxBytes` of response text, but at least one.
 * Null when there are no more.
 *
 * @param page.knownChunk the chunk that was read before; -1 for none
 */
export async function resultPage(
  client: ClientBase | Pool,
  batchId: string,
  page: {
    fromIndex: number;
    limit: number;
    maxBytes: number;
    knownChunk: number;
    filter?: ResultFilter | undefined;
  },
): Promise<ResultPage | null> {
  const filter = filterTerms(page.filter ?? {}, 6);
  const { rows } = await client.query<PageRow>({
    name: `result-page${filter.name}`,
    text: pageStatement({ ...PAGE_TERMS, andFilter: filter.text }),
    values: [batchId, page.fromIndex, page.limit, page.maxBytes, page.knownChunk, ...filter.values],
  });
  return rows[0] ? toPage(rows[0]) : null;
}

async function toPage({
  body,
  text,
  records,
  statuses,
  boundIndexes,
  boundParams,
  ...page
}: PageRow): Promise<ResultPage> {
  const jobs = body || text !== null ? await decodeJobs({ body, text }) : null;
  const bound = boundIndexes === null ? NONE_BOUND : await decodeBound(boundIndexes, boundParams);
  return { ...page, jobs, bound, rows: unpack(records, statuses) };
}

const NONE_BOUND: ReadonlyMap<number, string> = new Map();

async function decodeBound(
  indexes: readonly number[],
  params: readonly Buffer[],
): Promise<ReadonlyMap<number, string>> {
  const texts = await Promise.all(params.map(decodeText));
  return new Map(indexes.map((index, at) => [index, texts[at] ?? 'null']));
}

interface PageRow extends Omit<ResultPage, 'rows' | 'jobs' | 'bound'>, StoredBody {
  records: Buffer;
  statuses: string;
  boundIndexes: number[] | null;
  boundParams: Buffer[];
}

/** SQL terms of a page's statement. */
interface PageTerms {
  batch: string;
  from: string;
  rows: string;
  bytes: string;
  /** The chunk that was read before. */
  known: string;
  andFilter?: string;
}

// One row per page, whose columns hold the values of all its results: one row per result would cost both
// sides four times as much. Numbers and times use Postgres's binary form, which is written and read much
// faster than text. The sum uses the stored values, so that text beyond the limit is never in memory.
const pageStatement = ({ batch, from, rows, bytes, known, andFilter = '' }: PageTerms) => `
  with first as (
    select index from batchwright.result
    where batch_id = ${batch} and index >= ${from} ${andFilter} order by index limit 1
  ), chunk as (
    select number, first_index, body, jobs,
      case when first_index > (select index from first) then first_index else first_index + count end as end_index
    from batchwright.chunk
    where batch_id = ${batch} and number >= ${known} and first_index + count > (select index from first)
    order by number limit 1
  ), batch as (
    select total, generation, is_planned from batchwright.batch where id = ${batch}
  ), page as (
    select index, status, response, attempts, started_at, finished_at,
      coalesce(octet_length(response::text), 0) + case when (select is_planned from batch) then coalesce((
        select length from batchwright.bound_params
        where bound_params.batch_id = ${batch} and bound_params.index = result.index), 0) else 0 end as bytes
    from batchwright.result
    where batch_id = ${batch} and index >= ${from} and index < coalesce((select end_index from chunk), ${2 ** 31 - 1}) ${andFilter}
    order by index limit ${rows}
  ), sized as (
    select *, sum(bytes) over (order by index rows unbounded preceding) - bytes as before from page
  ), packed as (
    select
      string_agg(int4send(index) || int2send(attempts)
        || timestamptz_send(coalesce(started_at, '-infinity')) || timestamptz_send(finished_at),
        '' order by index) as records,
      string_agg(case status when 'succeeded' then 's' when 'failed' then 'f' when 'skipped' then 'k' else 'c' end,
        '' order by index) as statuses,
      '[' || string_agg(coalesce(response::text, 'null'), ',' order by index) || ']' as responses
    from sized where before < ${bytes}
  ), bound as (
    select array_agg(index order by index) as "boundIndexes", array_agg(params order by index) as "boundParams"
    from batchwright.bound_params
    where (select is_planned from batch) and batch_id = ${batch}
      and index in (select index from sized where before < ${bytes})
  )
  select packed.*, bound.*, batch.total, batch.generation, chunk.number as chunk, chunk.first_index as "firstIndex",
    case when chunk.number > ${known} then chunk.body end as body,
    case when chunk.number > ${known} then chunk.jobs end as text
  from first cross join batch cross join packed cross join bound left join chunk on true`;
const PAGE_TERMS = { batch: '$1', from: '$2', rows: '$3', bytes: '$4', known: '$5' };

/**
 * A small batch has at most so many jobs, in one chunk, and so many bytes of jobs and of responses each. No values were
 * bound into its jobs.
 */
export interface SmallLimits {
  jobs: number;
  bytes: number;
}

/** The results of a small batch, its jobs still as they are stored. */
export type SmallResults = PageRow & { position: number };

/** The results of those of these batches that are small. */
export async function smallResults(
  client: ClientBase,
  batchIds: readonly string[],
  { jobs, bytes }: SmallLimits,
): Promise<SmallResults[]> {
  const { rows } = await client.query<SmallResults>({
    name: 'small-results',
    text: SMALL_RESULTS,
    values: [batchIds, jobs, bytes],
  });
  return rows;
}

/**
 * The same, decoded, by the position of the batch in the list that was read. It is apart from the read, because no
 * transaction may wait for it. Undefined for a batch that is not small, and for one whose jobs cannot be decoded: it must
 * not fail the others.
 */
export async function decodeSmallResults(
  rows: readonly SmallResults[],
  { bytes }: SmallLimits,
): Promise<(ResultPage | undefined)[]> {
  const pages: ResultPage[] = [];
  await Promise.allSettled(
    rows.map(async ({ position, ...row }) => {
      const page = await toPage(row);
      // Compressed jobs may be far larger than what is stored.
      if ((page.jobs?.length ?? 0) <= bytes) pages[position - 1] = page;
    }),
  );
  return pages;
}

const SMALL_RESULTS = `
  select wanted.position, page.*
  from unnest($1::uuid[]) with ordinality as wanted (id, position) cross join lateral (
    ${pageStatement({ batch: 'wanted.id', from: '0', rows: '$2', bytes: '$3', known: '-1' })}
  ) as page
  where length(page.statuses) = page.total and octet_length(page.responses) <= $3
    and coalesce(octet_length(page.body), octet_length(page.text::text)) <= $3
    and page."boundIndexes" is null`;

/** Bytes of a record: index, attempts, start, end. */
const RECORD_BYTES = 4 + 2 + 8 + 8;
const STATUSES: Record<string, ResultStatus> = {
  s: 'succeeded',
  f: 'failed',
  k: 'skipped',
  c: 'cancelled',
};

function unpack(records: Buffer, statuses: string): ResultRow[] {
  const rows: ResultRow[] = [];
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    rows.push({
      index: records.readInt32BE(at),
      status: STATUSES[statuses.charAt(rows.length)] as ResultStatus,
      attempts: records.readInt16BE(at + 4),
      startedAt: milliseconds(records, at + 6),
      finishedAt: milliseconds(records, at + 14) ?? 0,
    });
  }
  return rows;
}

/** Postgres counts microseconds from the year 2000; its lowest number means -infinity. */
function milliseconds(records: Buffer, at: number): number | null {
  const high = records.readInt32BE(at);
  if (high === -(2 ** 31)) return null;
  return Math.floor((high * 2 ** 32 + records.readUInt32BE(at + 4)) / 1000) + Y2K_MS;
}

const Y2K_MS = Date.UTC(2000, 0, 1);
