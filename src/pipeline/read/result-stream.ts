/**
 * A stream of results for readers at any pace: pages that a reader does not take are dropped and read again.
 */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Written } from './result-json.ts';
import { type Result, type ResultRange, readResultPages, requireKept } from './result-pages.ts';

/** How results are written one after another. */
export interface ResultForm {
  head: string;
  /** @param isFirst no result was written before */
  write(page: readonly Result[], isFirst: boolean): Written;
  /** @param next index of the result after the last; null when there is none, or when it was not looked up */
  tail(count: number, next: number | null): string;
  /** As in `readResultPages`. */
  onOneLine?: boolean;
}

export interface StreamedRange extends ResultRange {
  /**
   * Ends after the result that exceeds this many characters of requests and responses; no limit when absent.
   */
  maxLength?: number;
  /** Also finds the result after the last. */
  findsNext?: boolean;
}

/** A remainder of a page up to this size is kept; a larger one is read again. */
const KEPT_BYTES = 16 * 1024;

/** A place between two results: the index to read on from, and how much comes before it. */
interface Place {
  index: number;
  count: number;
  /** Characters of requests and responses before it. */
  length: number;
}

/** The bytes given out last: a page, or a small piece around the results. */
interface Given {
  bytes: Buffer;
  /** Places in these bytes where reading can continue. */
  places: readonly { offset: number; place: Place }[];
  /** Bytes at the beginning that the reader took earlier. */
  skipped: number;
}

/**
 * The stream of one answer. It holds one page and the page read ahead; after a `drop` it holds almost
 * nothing.
 */
export class ResultStream {
  readonly #pool: Pool;
  readonly #batchId: string;
  readonly #form: ResultForm;
  readonly #range: StreamedRange;
  #part: 'head' | 'results' | 'end' = 'head';
  #place: Place;
  /** The result at the place no longer belongs to the answer: only its index is needed. */
  #isCut = false;
  #pages: AsyncGenerator<Result[]> | undefined;
  #given: Given | undefined;
  /** Given out before everything else. */
  #kept: Buffer | undefined;
  /** The part of the next result that the reader has already taken. */
  #taken: { bytes: number; digest: Buffer } | undefined;

  constructor(pool: Pool, batchId: string, form: ResultForm, range: StreamedRange = {}) {
    this.#pool = pool;
    this.#batchId = batchId;
    this.#form = form;
    this.#range = range;
    this.#place = { index: range.fromIndex ?? 0, count: 0, length: 0 };
  }

  /** The next piece; null at the end. Throws when a partly taken result has changed. */
  async next(): Promise<Buffer | null> {
    if (this.#kept) return this.#giveSmall(this.#kept);
    if (this.#part === 'end') return null;
    if (this.#part === 'results') return this.#nextPage();
    this.#part = 'results';
    // The head is sent together with the first page, so that an error comes before any output.
    const first = await this.#nextPage();
    return this.#form.head === '' ? first : this.#giveBehindHead(first);
  }

  /**
   * The reader took this many bytes of the last piece, or all. The stream then holds almost nothing until the
   * next call.
   */
  drop(taken = Number.POSITIVE_INFINITY): void {
    const given = this.#given;
    this.close();
    if (!given) return;
    const { bytes, places, skipped } = given;
    const at = Math.min(skipped + taken, bytes.length);
    const run = places.findLastIndex(({ offset }) => offset <= at);
    const begin = places[run]?.offset ?? 0;
    const end = places[run + 1]?.offset ?? bytes.length;
    const isKept = end - at <= KEPT_BYTES;
    if (isKept && end > at) this.#kept = Buffer.from(bytes.subarray(at, end));
    if (!isKept && at > begin)
      this.#taken = { bytes: at - begin, digest: digestOf(bytes.subarray(begin, at)) };
    const next = places[isKept ? run + 1 : run];
    // After the last place, the current place is already right.
    if (!next) return;
    this.#isCut = false;
    this.#place = next.place;
  }

  /** Ends the stream: nothing more will be read. */
  close(): void {
    void this.#pages?.return(undefined);
    this.#pages = undefined;
    this.#given = undefined;
    this.#kept = undefined;
  }

  async #nextPage(): Promise<Buffer | null> {
    const { limit = Number.POSITIVE_INFINITY, findsNext } = this.#range;
    const wanted = limit - this.#place.count;
    if (this.#isCut) return this.#end(this.#place.index);
    if (wanted <= 0 && !findsNext) return this.#end(null);
    this.#pages ??= this.#readFrom(this.#place.index, wanted + (findsNext ? 1 : 0));
    const { value: page } = await this.#pages.next();
    if (!page && this.#taken) throw changed();
    const count = this.#countIn(page ?? [], wanted);
    if (!page || count === 0) return this.#end(page?.[0]?.index ?? null);
    return this.#givePage(page.length > count ? page.slice(0, count) : page, page[count]?.index);
  }

  /** How many of the page's results belong to the answer. */
  #countIn(page: readonly Result[], wanted: number): number {
    const { maxLength = Number.POSITIVE_INFINITY } = this.#range;
    let { length } = this.#place;
    let count = 0;
    for (const result of page) {
      if (count >= wanted || length > maxLength) break;
      count++;
      length += lengthOf(result);
    }
    return count;
  }

  #readFrom(fromIndex: number, limit: number): AsyncGenerator<Result[]> {
    const { onOneLine = false } = this.#form;
    return readResultPages(this.#pool, this.#batchId, { ...this.#range, fromIndex, limit, onOneLine });
  }

  /** @param cutAt index of the first result of the page after these */
  #givePage(results: readonly Result[], cutAt: number | undefined): Buffer {
    const place = this.#place;
    const written = this.#form.write(results, place.count === 0);
    const taken = this.#taken;
    this.#taken = undefined;
    const skipped = taken?.bytes ?? 0;
    if (taken && !digestOf(written.bytes.subarray(0, skipped)).equals(taken.digest)) throw changed();
    const next = cutAt ?? (results.at(-1)?.index ?? place.index) + 1;
    const placeBefore = placesOf(results, place, next);
    const places = written.starts.map(({ offset, first }) => ({ offset, place: placeBefore(first) }));
    this.#given = { bytes: written.bytes, places, skipped };
    this.#isCut = cutAt !== undefined;
    this.#place = placeBefore(results.length);
    return written.bytes.subarray(skipped);
  }

  #giveBehindHead(first: Buffer | null): Buffer {
    const head = Buffer.from(this.#form.head);
    if (!first) return this.#giveSmall(head);
    const bytes = Buffer.concat([head, first]);
    const places = this.#given?.places ?? [];
    this.#given = {
      bytes,
      places: places.map(({ offset, place }) => ({ offset: offset + head.length, place })),
      skipped: 0,
    };
    return bytes;
  }

  /** A stream whose batch was deleted meanwhile fails instead. */
  async #end(next: number | null): Promise<Buffer | null> {
    await requireKept(this.#pool, this.#batchId);
    this.#part = 'end';
    const tail = this.#form.tail(this.#place.count, next);
    return tail === '' ? null : this.#giveSmall(Buffer.from(tail));
  }

  #giveSmall(bytes: Buffer): Buffer {
    this.#kept = undefined;
    this.#given = { bytes, places: [], skipped: 0 };
    return bytes;
  }
}

/**
 * Finds the places before the n-th results, asked for in rising order; `next` is the index after the last
 * result.
 */
function placesOf(results: readonly Result[], { count, length }: Place, next: number): (n: number) => Place {
  let passed = 0;
  return (n) => {
    for (const result of results.slice(passed, n)) length += lengthOf(result);
    passed = n;
    return { index: results[n]?.index ?? next, count: count + n, length };
  };
}

function lengthOf({ request, response }: Result): number {
  return request.length + response.length;
}

function changed(): Error {
  return new Error('A result changed while it was being sent');
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
