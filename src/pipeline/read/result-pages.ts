/** Reads results in request order from the database, in pages of bounded size. */
import type { ClientBase, Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import type { ResultStatus } from '../../domain/outcome.ts';
import { MemberReader, splitArray } from '../../json/split.ts';
import { isKept } from '../../store/deleted-batches.ts';
import type { ResultFilter } from '../../store/result-filter.ts';
import { type ResultPage, type ResultRow, resultPage } from '../../store/result-pages.ts';

/** Size of responses read at once; the last one may exceed it. Their requests are at most one chunk. */
const PAGE_BYTES = 2 * 1024 * 1024;
/**
 * The number of rows in a page comes from the sizes of the page before, so that a page is close to its limit.
 */
const FIRST_PAGE_ROWS = 50;
const MAX_PAGE_ROWS = 1000;

export interface ResultRange {
  fromIndex?: number;
  /** Maximum number of results; all when absent. */
  limit?: number | undefined;
  filter?: ResultFilter | undefined;
  /** The generation of an ended batch: results of another generation do not belong. */
  generation?: number | undefined;
  /** Replaces line ends in requests by blanks. JSON strings contain no raw line ends. */
  onOneLine?: boolean;
}

/**
 * One result in parts. JSON text is returned as it was sent and stored: numbers, escapes and duplicate keys
 * are unchanged.
 */
export interface Result {
  index: number;
  /** JSON text; undefined when the job has none. */
  id: string | undefined;
  /** JSON text, like action, request and response. */
  namespace: string;
  action: string;
  request: string;
  response: string;
  status: ResultStatus;
  attempts: number;
  /** ISO 8601; null for a job that never ran. */
  startedAt: string | null;
  finishedAt: string;
}

/** The batch was restarted: the results read so far are no longer complete. */
export class RestartedError extends Error {}

/**
 * The batch's results, one array per page. The next page is read while the caller handles this one. Throws
 * RestartedError when the batch's generation differs from the requested one at the time a page is read. When
 * it does not throw, all pages are of that generation.
 */
export async function* readResultPages(
  client: ClientBase | Pool,
  batchId: string,
  {
    fromIndex = 0,
    limit = Number.POSITIVE_INFINITY,
    filter,
    generation,
    onOneLine = false,
  }: ResultRange = {},
): AsyncGenerator<Result[]> {
  const reader = new PageReader(onOneLine);
  function read(from: number, rows: number): Promise<ResultPage | null> {
    const { chunk: knownChunk } = reader;
    const page = { fromIndex: from, limit: rows, maxBytes: PAGE_BYTES, knownChunk, filter };
    const reading = resultPage(client, batchId, page);
    reading.catch(() => {}); // it may fail while the caller is busy; the error is thrown when the caller asks for the page
    return reading;
  }
  let left = limit;
  let rowsAtOnce = FIRST_PAGE_ROWS;
  let reading: Promise<ResultPage | null> | null = read(fromIndex, Math.min(rowsAtOnce, left));
  while (reading) {
    const page: ResultPage | null = await reading;
    if (generation !== undefined && page?.generation !== generation) throw new RestartedError();
    if (!page) return;
    reader.open(page);
    const next: number = (page.rows.at(-1)?.index ?? 0) + 1;
    left -= page.rows.length;
    const average = lengthOf(page) / page.rows.length;
    rowsAtOnce = Math.max(1, Math.min(MAX_PAGE_ROWS, rowsAtOnce * 4, Math.floor(PAGE_BYTES / average)));
    reading = left > 0 && next < page.total ? read(next, Math.min(rowsAtOnce, left)) : null;
    if (reading) await nextTick();
    yield reader.read(page);
  }
}

function lengthOf({ responses, bound }: ResultPage): number {
  let length = responses.length;
  for (const params of bound.values()) length += params.length;
  return length;
}

/**
 * Throws `resultsNotFound` when the batch was deleted: pages that were read may lack results. Call it after the last
 * page.
 */
export async function requireKept(client: ClientBase | Pool, batchId: string): Promise<void> {
  if (!(await isKept(client, batchId))) throw new BatchwrightError('resultsNotFound');
}

/** The results of a page that holds the first chunk's. */
export function resultsOf(page: ResultPage): Result[] {
  const reader = new PageReader(false);
  reader.open(page);
  return reader.read(page);
}

/** What was sent as one of a chunk's jobs, as JSON text; `position` counts from the chunk's first job. */
export function sentJob(
  jobs: string,
  position: number,
): Pick<Result, 'id' | 'namespace' | 'action' | 'request'> {
  return jobReader(jobs)(position);
}

/** Reads what was sent as jobs of a chunk, likewise, at ascending positions. */
export function jobReader(jobs: string): (position: number) => ReturnType<typeof sentJob> {
  const reader = new MemberReader(jobs, MEMBERS);
  return (position) => partsOf(reader.at(position));
}

/** Under skipInvalid a "job" may be any value: then that value is the request. */
function partsOf(
  job: ReturnType<MemberReader['at']>,
): Pick<Result, 'id' | 'namespace' | 'action' | 'request'> {
  const [id, namespace = 'null', action = 'null', request = 'null'] =
    typeof job === 'string' ? [undefined, undefined, undefined, job] : job;
  return { id, namespace, action, request };
}

/** A pool gives out its connections in the next tick: earlier requests are then on their way. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Of a job, in the order of a reader's texts. */
const MEMBERS = ['id', 'namespace', 'action', 'params'];
/** In place of a job whose chunk was deleted by hand. */
const LOST: (string | undefined)[] = [];

/** Joins pages with the jobs of their chunks; each chunk's jobs are read once. */
class PageReader {
  /** The chunk whose jobs are loaded; -1 at first. */
  chunk = -1;
  #jobs = new MemberReader('[]', MEMBERS);
  readonly #layOut: (json: string) => string;
  readonly #startText = isoTexts();
  readonly #endText = isoTexts();

  constructor(onOneLine: boolean) {
    this.#layOut = onOneLine ? withoutLineEnds : asItIs;
  }

  /** Call it before the next page is read. */
  open({ chunk, jobs }: ResultPage): void {
    if (jobs !== null) this.#jobs = new MemberReader(this.#layOut(jobs), MEMBERS);
    if (chunk !== null) this.chunk = chunk;
  }

  read({ firstIndex, responses, bound, rows }: ResultPage): Result[] {
    const texts = splitArray(this.#layOut(responses));
    return rows.map((row, position) => {
      const isThere = firstIndex !== null && row.index >= firstIndex;
      const job = isThere ? this.#jobs.at(row.index - firstIndex) : LOST;
      const result = this.#result(row, job, texts[position] as string);
      const params = bound.get(row.index);
      return params === undefined ? result : { ...result, request: this.#layOut(params) };
    });
  }

  #result(row: ResultRow, job: ReturnType<MemberReader['at']>, response: string): Result {
    return {
      index: row.index,
      ...partsOf(job),
      response,
      status: row.status,
      attempts: row.attempts,
      startedAt: row.startedAt === null ? null : this.#startText(row.startedAt),
      finishedAt: this.#endText(row.finishedAt),
    };
  }
}

function withoutLineEnds(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]/g, ' ') : json;
}

function asItIs(json: string): string {
  return json;
}

/** Formats times in ISO 8601. A time equal to the previous one is not formatted again, and most are equal. */
function isoTexts(): (milliseconds: number) => string {
  let last = Number.NaN;
  let text = '';
  return (milliseconds) => {
    if (milliseconds !== last) {
      last = milliseconds;
      text = new Date(milliseconds).toISOString();
    }
    return text;
  };
}
