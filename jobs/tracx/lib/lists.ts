/** Answers with the records of an action that lists them: one page, or all of them, page by page. */
import type { Response } from 'express';
import { MAX_PER_PAGE, type Page } from './paging.ts';

/** What the actions that list records return. */
export interface Collection {
  meta: { totalResults: number };
  results: unknown[];
}

/** Gets `perPage` records from the zero-based record `start`. */
export type GetRecords = (start: number, perPage: number) => Promise<Collection>;

/** Answers `{"data":{"items":[…]},"meta":{…}}`, the meta data as Laravel's pages have them. */
export async function sendPage(
  response: Response,
  { number, perPage }: Page,
  getRecords: GetRecords,
): Promise<void> {
  const { meta, results } = await getRecords((number - 1) * perPage, perPage);
  response.json({
    data: { items: results },
    meta: {
      current_page: number,
      per_page: perPage,
      total: meta.totalResults,
      last_page: Math.max(1, Math.ceil(meta.totalResults / perPage)),
    },
  });
}

/** Answers `{"data":{"items":[…]}}` with all records, and holds one page of them at a time. */
export async function sendAll(response: Response, getRecords: GetRecords): Promise<void> {
  // Before the status is sent: an error of it is answered as one.
  const first = await getRecords(0, MAX_PER_PAGE);
  response.type('json');
  for await (const text of textOf(first, getRecords)) {
    if (response.closed) return; // the client has gone
    if (!response.write(text)) await drained(response);
  }
  response.end();
}

/** Resolves when the response takes more, or was closed. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

async function* textOf(first: Collection, getRecords: GetRecords): AsyncGenerator<string> {
  yield '{"data":{"items":[';
  let sent = 0;
  for (let page = first; page.results.length > 0; ) {
    const text = JSON.stringify(page.results).slice(1, -1);
    yield sent === 0 ? text : `,${text}`;
    sent += page.results.length;
    if (sent >= page.meta.totalResults) break;
    page = await getRecords(sent, MAX_PER_PAGE);
  }
  yield ']}}';
}
