/** Lists that are longer than a page, with records of the test. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import express, { type Request, type Response } from 'express';
import { type GetRecords, sendAll } from '../../../jobs/tracx/lib/lists.ts';
import type { Json } from '../../support/json.ts';

/** The answer of a server that sends all records. */
async function answerOf(
  t: { after(fn: () => void): void },
  getRecords: GetRecords,
  onSent: () => void = () => {},
): Promise<globalThis.Response> {
  const app = express();
  app.get('/', (_request: Request, response: Response) => sendAll(response, getRecords).then(onSent));
  app.use((_error: unknown, _request: Request, response: Response, _next: unknown) => {
    if (response.headersSent) response.destroy();
    else response.status(503).end();
  });
  const server = app.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** Records 1 to `total`, and the starts of the pages that were asked for. */
function recordsTo(total: number) {
  const starts: number[] = [];
  const getRecords: GetRecords = async (start, perPage) => {
    starts.push(start);
    const length = Math.max(0, Math.min(perPage, total - start));
    return { meta: { totalResults: total }, results: Array.from({ length }, (_, n) => start + n + 1) };
  };
  return { starts, getRecords };
}

for (const [total, pages] of [
  [0, [0]],
  [1, [0]],
  [200, [0]],
  [201, [0, 200]],
  [450, [0, 200, 400]],
] as const)
  test(`a list of ${total} records is sent whole, after ${pages.length} pages`, async (t) => {
    const { starts, getRecords } = recordsTo(total);
    const answer = await answerOf(t, getRecords);
    const body: Json = await answer.json();
    assert.deepEqual(body, { data: { items: Array.from({ length: total }, (_, n) => n + 1) } });
    assert.deepEqual(starts, pages);
  });

test('a list ends when records are removed meanwhile', async (t) => {
  const { getRecords } = recordsTo(250);
  const answer = await answerOf(t, async (start, perPage) => {
    const { results } = await getRecords(start, start === 0 ? perPage : 0);
    return { meta: { totalResults: 250 }, results };
  });
  const body: Json = await answer.json();
  assert.equal(body.data.items.length, 200);
});

test('no more pages are asked for when the client has gone', async (t) => {
  const sent = Promise.withResolvers<void>();
  let pages = 0;
  const getRecords: GetRecords = async () => {
    pages++;
    return { meta: { totalResults: 1_000_000 }, results: ['x'.repeat(1_000_000)] };
  };
  const answer = await answerOf(t, getRecords, sent.resolve);
  await answer.body?.cancel();
  await sent.promise;
  assert.ok(pages < 100, `${pages} pages`);
});

test('an error of the first page is answered as an error', async (t) => {
  const answer = await answerOf(t, () => Promise.reject(new Error('not now')));
  assert.equal(answer.status, 503);
});

test('an error of a later page cuts the answer off, so that it does not look complete', async (t) => {
  const { getRecords } = recordsTo(450);
  const answer = answerOf(t, (start, perPage) =>
    start < 400 ? getRecords(start, perPage) : Promise.reject(new Error('not now')),
  );
  await assert.rejects(answer.then((response) => response.text()));
});
