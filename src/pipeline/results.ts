/** Results as JSON text, in request order, from the database to the socket in pages of bounded size. */
import type { ClientBase, Pool } from 'pg';
import type { ResultStatus } from '../domain/outcome.ts';
import { splitArray, splitObject } from '../json/slices.ts';
import { chunkTextAt } from '../store/chunks.ts';
import { type ResultRow, resultPage } from '../store/results.ts';

/** Of responses that are read, and of results that are handed on, at once; the last one may go beyond it. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** A page is read with so many rows that it nears its size, judged by the page before it. */
const FIRST_PAGE_ROWS = 16;
const MAX_PAGE_ROWS = 256;

export interface ResultRange {
  fromIndex?: number;
  /** How many at most; all when absent. */
  limit?: number | undefined;
  status?: ResultStatus | undefined;
}

/**
 * The batch's results, each one JSON object as text, in arrays of a page each. `request` and `response` are
 * the text as it was sent and stored: numbers, escapes and duplicate keys come back as they came.
 */
export async function* resultPages(
  client: ClientBase | Pool,
  batchId: string,
  { fromIndex = 0, limit = Number.POSITIVE_INFINITY, status }: ResultRange = {},
): AsyncGenerator<string[]> {
  const requests = new RequestReader(client, batchId);
  let next = fromIndex;
  let left = limit;
  let rowsAtOnce = FIRST_PAGE_ROWS;
  while (left > 0) {
    const rows = await resultPage(client, batchId, {
      fromIndex: next,
      limit: Math.min(rowsAtOnce, left),
      maxBytes: PAGE_BYTES,
      status,
    });
    const last = rows.at(-1);
    if (!last) return;
    let page: string[] = [];
    let pageBytes = 0;
    let bytes = 0;
    for (const row of rows) {
      const text = resultText(row, await requests.at(row.index));
      bytes += text.length;
      pageBytes += text.length;
      page.push(text);
      // Requests are larger than responses may be: a page of them is handed on in parts.
      if (pageBytes >= PAGE_BYTES) {
        yield page;
        page = [];
        pageBytes = 0;
      }
    }
    if (page.length > 0) yield page;
    next = last.index + 1;
    left -= rows.length;
    const average = bytes / rows.length;
    rowsAtOnce = Math.max(1, Math.min(MAX_PAGE_ROWS, rowsAtOnce * 4, Math.floor(PAGE_BYTES / average)));
  }
}

/** A page that is answered as a whole ends early when it gets larger than this. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** One page of at most `limit` results, and the index to go on from; null when nothing comes after it. */
export async function pageOfResults(
  client: ClientBase | Pool,
  batchId: string,
  range: ResultRange & { limit: number },
): Promise<{ texts: string[]; next: number | null }> {
  const texts: string[] = [];
  let bytes = 0;
  for await (const page of resultPages(client, batchId, { ...range, limit: range.limit + 1 }))
    for (const text of page) {
      const last = texts.at(-1);
      if (last !== undefined && (texts.length === range.limit || bytes > MAX_ANSWER_BYTES))
        return { texts, next: indexOf(last) + 1 };
      texts.push(text);
      bytes += text.length;
    }
  return { texts, next: null };
}

function indexOf(result: string): number {
  return Number.parseInt(result.slice('{"index":'.length), 10);
}

/** A job's request as it was sent, by raw members; reads each chunk once when asked in order. */
class RequestReader {
  readonly #client: ClientBase | Pool;
  readonly #batchId: string;
  #firstIndex = 0;
  #jobs: string[] = [];

  constructor(client: ClientBase | Pool, batchId: string) {
    this.#client = client;
    this.#batchId = batchId;
  }

  async at(index: number): Promise<string> {
    if (index < this.#firstIndex || index >= this.#firstIndex + this.#jobs.length) {
      const chunk = await chunkTextAt(this.#client, this.#batchId, index);
      this.#firstIndex = chunk?.firstIndex ?? index;
      this.#jobs = chunk ? splitArray(chunk.jobs) : [];
    }
    return this.#jobs[index - this.#firstIndex] ?? '{}';
  }
}

function resultText(row: ResultRow, job: string): string {
  const members = requestMembers(job);
  const id = members.get('id');
  return (
    `{"index":${row.index},${id === undefined ? '' : `"id":${id},`}` +
    `"namespace":${members.get('namespace') ?? 'null'},"action":${members.get('action') ?? 'null'},` +
    `"request":${members.get('params') ?? 'null'},"response":${row.response ?? 'null'},` +
    `"status":"${row.status}","attempts":${row.attempts},` +
    `"startedAt":${timeText(row.startedAt)},"finishedAt":${timeText(row.finishedAt)}}`
  );
}

/** Under skipInvalid a "job" may be anything: then it is itself the request. */
function requestMembers(job: string): ReadonlyMap<string, string> {
  return job.startsWith('{') ? splitObject(job) : new Map([['params', job]]);
}

function timeText(time: Date | null): string {
  return time === null ? 'null' : `"${time.toISOString()}"`;
}

/** Joins the pages into the elements of one JSON array, without its brackets. */
export async function* joined(pages: AsyncIterable<string[]>): AsyncGenerator<string> {
  let first = true;
  for await (const page of pages) {
    yield (first ? '' : ',') + page.join(',');
    first = false;
  }
}
