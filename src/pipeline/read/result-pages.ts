/** Results in request order, out of the database in pages of bounded size. */
import type { ClientBase, Pool } from 'pg';
import type { ResultStatus } from '../../domain/outcome.ts';
import { MemberReader, splitArray } from '../../json/split.ts';
import { type ResultPage, type ResultRow, resultPage } from '../../store/results.ts';

/** Of responses that are read at once; the last one may go beyond it. Their requests are a chunk at most. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** A page is read with so many rows that it nears its size, judged by the page before it. */
const FIRST_PAGE_ROWS = 50;
const MAX_PAGE_ROWS = 1000;

export interface ResultRange {
  fromIndex?: number;
  /** How many at most; all when absent. */
  limit?: number | undefined;
  status?: ResultStatus | undefined;
  /** Of a batch that has ended: results of another generation are none of these. */
  generation?: number | undefined;
  /** With blanks in place of the line ends that requests were laid out with; JSON's strings have none. */
  onOneLine?: boolean;
}

/**
 * One result in parts. What is JSON text is as it was sent and stored: numbers, escapes and duplicate keys
 * come back as they came.
 */
export interface Result {
  index: number;
  /** JSON text; undefined when the job has none. */
  id: string | undefined;
  /** JSON text, as are action, request and response. */
  namespace: string;
  action: string;
  request: string;
  response: string;
  status: ResultStatus;
  attempts: number;
  /** ISO 8601; null of a job that never ran. */
  startedAt: string | null;
  finishedAt: string;
}

/** The batch was restarted: what was read of its results is no longer all of them. */
export class RestartedError extends Error {}

/**
 * The batch's results in arrays of a page each. The next page is read while the caller is busy with one.
 *
 * Throws RestartedError when the batch is of another generation than asked for by the time a page is read:
 * when none is thrown, all pages are of that generation.
 */
export async function* readResultPages(
  client: ClientBase | Pool,
  batchId: string,
  {
    fromIndex = 0,
    limit = Number.POSITIVE_INFINITY,
    status,
    generation,
    onOneLine = false,
  }: ResultRange = {},
): AsyncGenerator<Result[]> {
  const reader = new PageReader(onOneLine);
  function read(from: number, rows: number): Promise<ResultPage | null> {
    const { chunk: knownChunk } = reader;
    const page = { fromIndex: from, limit: rows, maxBytes: PAGE_BYTES, knownChunk, status };
    const reading = resultPage(client, batchId, page);
    reading.catch(() => {}); // it may fail while the caller is busy, and be told when it asks for the page
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
    const average = page.responses.length / page.rows.length;
    rowsAtOnce = Math.max(1, Math.min(MAX_PAGE_ROWS, rowsAtOnce * 4, Math.floor(PAGE_BYTES / average)));
    reading = left > 0 && next < page.total ? read(next, Math.min(rowsAtOnce, left)) : null;
    if (reading) await nextTick();
    yield reader.read(page);
  }
}

/** A pool hands out its connections in the next tick: what was asked for before is on its way after. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

const MEMBERS = ['id', 'namespace', 'action', 'params'];
/** In place of a job whose chunk somebody has deleted. */
const LOST: (string | undefined)[] = [];

/** Brings pages and the jobs of their chunks together; each chunk's jobs are gone through once. */
class PageReader {
  /** The chunk whose jobs are known; -1 at first. */
  chunk = -1;
  #jobs = new MemberReader('[]', MEMBERS);
  readonly #layOut: (json: string) => string;
  readonly #startText = isoTexts();
  readonly #endText = isoTexts();

  constructor(onOneLine: boolean) {
    this.#layOut = onOneLine ? withoutLineEnds : asItIs;
  }

  /** To be called before the next page is read. */
  open({ chunk, jobs }: ResultPage): void {
    if (jobs !== null) this.#jobs = new MemberReader(this.#layOut(jobs), MEMBERS);
    if (chunk !== null) this.chunk = chunk;
  }

  read({ firstIndex, responses, rows }: ResultPage): Result[] {
    const texts = splitArray(this.#layOut(responses));
    return rows.map((row, position) => {
      const isThere = firstIndex !== null && row.index >= firstIndex;
      const job = isThere ? this.#jobs.at(row.index - firstIndex) : LOST;
      return this.#result(row, job, texts[position] as string);
    });
  }

  #result(row: ResultRow, job: ReturnType<MemberReader['at']>, response: string): Result {
    // Under skipInvalid a "job" may be anything: then it is itself the request.
    const [id, namespace, action, params] =
      typeof job === 'string' ? [undefined, undefined, undefined, job] : job;
    return {
      index: row.index,
      id,
      namespace: namespace ?? 'null',
      action: action ?? 'null',
      request: params ?? 'null',
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

/** Times in ISO 8601; one that is the same as the one before costs nothing, and most are. */
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
