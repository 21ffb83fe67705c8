import type { Pool } from 'pg';
import { resultTexts } from './result-json.ts';
import { type Result, readResultPages, requireKept } from './result-pages.ts';

/** A page is dropped when its reader pauses for this long, and read again when the reader continues. */
const STILL_MS = 1_000;

interface HeldPage {
  texts: string[];
  indexes: number[];
}

/** The batch's results as values, one by one, at the reader's pace. */
export async function* resultValues(
  pool: Pool,
  batchId: string,
  stillMs = STILL_MS,
): AsyncGenerator<unknown> {
  let fromIndex: number | undefined = 0;
  while (fromIndex !== undefined) fromIndex = yield* untilDropped(pool, batchId, fromIndex, stillMs);
}

/** Yields results until the reader pauses; returns the index to continue from, undefined at the end. */
async function* untilDropped(
  pool: Pool,
  batchId: string,
  fromIndex: number,
  stillMs: number,
): AsyncGenerator<unknown, number | undefined> {
  const pages = readResultPages(pool, batchId, { fromIndex });
  let held: HeldPage | undefined;
  let isWithReader = false;
  const timer = setTimeout(() => {
    if (!isWithReader) return;
    held = undefined;
    void pages.return(undefined);
  }, stillMs);
  try {
    for (held = await nextPage(pages); held; held = await nextPage(pages)) {
      for (const [position, index] of held.indexes.entries()) {
        timer.refresh();
        isWithReader = true;
        yield JSON.parse(held.texts[position] as string);
        isWithReader = false;
        if (!held) return index + 1;
      }
    }
    await requireKept(pool, batchId);
    return undefined;
  } finally {
    clearTimeout(timer);
    await pages.return(undefined);
  }
}

/** A function of its own: otherwise the code that waits for the reader would keep the page in memory. */
async function nextPage(pages: AsyncGenerator<Result[]>): Promise<HeldPage | undefined> {
  const { value: page } = await pages.next();
  return page && { texts: resultTexts(page), indexes: page.map(({ index }: Result) => index) };
}
