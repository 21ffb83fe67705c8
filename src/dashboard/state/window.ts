/** Part of a long list: the pages around what is on the screen, and never more than some of them in memory. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { shownError } from './resource.ts';
import { returns } from './server.ts';
import { visible } from './visible.ts';

export interface RowWindow<Row> {
  /** Undefined while it is not loaded. */
  rowAt(position: number): Row | undefined;
  /** Says which rows are on the screen: they are loaded, and others may be forgotten. */
  show(first: number, last: number): void;
  error: Error | null;
}

/** Whether these rows, which begin at the position `start`, stay as they are while the others change. */
export type AreFinal<Row> = (rows: readonly Row[], start: number) => boolean;

/** Some rows, and whether they are the last ones. */
export interface LoadedRows<Row> {
  rows: Row[];
  isLast: boolean;
}

/** Loads at most `limit` rows from `start` on; fewer when they are large. */
export type LoadRows<Row> = (start: number, limit: number, signal: AbortSignal) => Promise<LoadedRows<Row>>;

const PAGE = 50;
const MOST_PAGES = 24;

/**
 * @param name what is listed: rows of another name are forgotten
 * @param version of the rows: those on the screen are loaded again when it changes, and shown until then
 * @param areFinal full pages for which it is true are not loaded again
 */
export function useRowWindow<Row>(
  name: string,
  version: string | number,
  load: LoadRows<Row>,
  areFinal: AreFinal<Row> = () => false,
): RowWindow<Row> {
  const changes = useSignal(0);
  const error = useSignal<Error | null>(null);
  // The loader belongs to the name
  const pages = useMemo(() => {
    error.value = null;
    return new Pages(load, (problem) => {
      error.value = problem === null ? null : shownError(problem);
      changes.value += 1;
    });
  }, [name]);
  pages.areFinal = areFinal;
  useEffect(() => () => pages.close(), [pages]);
  const isVisible = visible.value;
  const round = returns.value;
  const loaded = useRef<Pages<Row> | null>(null);
  // Each of them asks for the rows again. New pages have none yet: they load what is shown by themselves.
  useEffect(() => {
    const isNew = loaded.current !== pages;
    loaded.current = pages;
    if (isVisible && !isNew) pages.refresh();
  }, [pages, version, round, isVisible]);
  void changes.value;
  return { rowAt: pages.rowAt, show: pages.show, error: error.value };
}

class Pages<Row> {
  /** As things are now: a page is final when it was so at its loading too. */
  areFinal: AreFinal<Row> = () => false;
  readonly #load: LoadRows<Row>;
  readonly #onChange: (error: unknown) => void;
  /** By number, the one that was shown last at the end. */
  readonly #kept = new Map<number, { rows: Row[]; isFresh: boolean; isFinal: boolean }>();
  readonly #loading = new Map<number, AbortController>();
  #shown: number[] = [];

  constructor(load: LoadRows<Row>, onChange: (error: unknown) => void) {
    this.#load = load;
    this.#onChange = onChange;
  }

  readonly rowAt = (position: number): Row | undefined =>
    this.#kept.get(Math.floor(position / PAGE))?.rows[position % PAGE];

  readonly show = (first: number, last: number): void => {
    const from = Math.floor(first / PAGE);
    const to = Math.floor(Math.max(first, last) / PAGE);
    this.#shown = Array.from({ length: to - from + 1 }, (_, n) => from + n);
    // What has been scrolled past is not worth its answer.
    for (const [number, control] of this.#loading)
      if (!this.#shown.includes(number)) {
        control.abort();
        this.#loading.delete(number);
      }
    this.#loadShown();
  };

  /** The rows may have changed. */
  refresh(): void {
    for (const [number, page] of this.#kept)
      page.isFresh = page.isFinal && this.areFinal(page.rows, number * PAGE);
    for (const control of this.#loading.values()) control.abort();
    this.#loading.clear();
    this.#loadShown();
  }

  close(): void {
    for (const control of this.#loading.values()) control.abort();
    this.#loading.clear();
  }

  #loadShown(): void {
    for (const number of this.#shown) {
      const page = this.#kept.get(number);
      if (!page?.isFresh && !this.#loading.has(number)) void this.#loadPage(number);
    }
  }

  async #loadPage(number: number): Promise<void> {
    const control = new AbortController();
    this.#loading.set(number, control);
    try {
      const rows: Row[] = [];
      while (rows.length < PAGE) {
        const more = await this.#load(number * PAGE + rows.length, PAGE - rows.length, control.signal);
        rows.push(...more.rows);
        // From the same start on, none would come again.
        if (more.isLast || more.rows.length === 0) break;
      }
      if (control.signal.aborted) return;
      this.#kept.delete(number);
      const isFinal = rows.length === PAGE && this.areFinal(rows, number * PAGE);
      this.#kept.set(number, { rows, isFresh: true, isFinal });
      this.#forget();
      this.#loading.delete(number);
      this.#onChange(null);
    } catch (error) {
      if (control.signal.aborted) return;
      this.#loading.delete(number);
      this.#onChange(error);
    }
  }

  #forget(): void {
    for (const number of this.#kept.keys()) {
      if (this.#kept.size <= MOST_PAGES) return;
      if (!this.#shown.includes(number)) this.#kept.delete(number);
    }
  }
}
