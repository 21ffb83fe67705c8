/** The jobs of a batch that have not ended, in pages. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Json } from '../../support/json.ts';
import { type Answer, type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { assertProblem, echo, gated, getText, openGate, postLines, strangerOf, toLines } from './support.ts';

let system: System;
let idle: System;
const endings: (() => unknown)[] = [];
const later = { after: (fn: () => unknown) => endings.push(fn) };
before(async () => {
  system = await startSystem(later);
  idle = await startSystem(later, { worker: false });
});
after(async () => {
  for (const end of endings.reverse()) await end();
});

const open = (of: System, asyncId: string, query = '', headers = {}): Promise<Answer> =>
  of.request(`/v1/batches/${asyncId}/jobs${query}`, { headers });
async function page(of: System, asyncId: string, query = ''): Promise<Json> {
  const { status, body } = await open(of, asyncId, query);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}
const indexes = ({ data }: Json): number[] => data.map(({ index }: Json) => index);

/** All jobs by cursor, and how many pages they took. */
async function walk(of: System, asyncId: string, query: string): Promise<{ found: number[]; pages: number }> {
  const found: number[] = [];
  let cursor: string | null = '0';
  let pages = 0;
  for (; cursor !== null; pages++) {
    const body: Json = await page(of, asyncId, `?${query}&cursor=${cursor}`);
    found.push(...indexes(body));
    cursor = body.nextCursor;
  }
  return { found, pages };
}

describe('Jobs that have not ended', () => {
  test('are listed as they were sent, by status and in the order of the request; those that have ended are not', async () => {
    const asyncId = await system.run([
      echo(0),
      { id: 'first', ...gated('open', 1) },
      { id: 'second', ...gated('open', 2), dependsOn: ['first'] },
      { id: 3, ...echo(3), dependsOn: ['second'] },
    ]);
    await waitFor(
      async () => {
        const { counts } = (await system.request(`/v1/batches/${asyncId}`)).body;
        return counts.succeeded === 1 && counts.running === 1;
      },
      { what: 'the first job to run' },
    );
    const all = await page(system, asyncId);
    assert.deepEqual(
      all.data.map(({ index, id, status }: Json) => [index, id, status]),
      [
        [1, 'first', 'running'],
        [2, 'second', 'waiting'],
        [3, 3, 'waiting'],
      ],
    );
    assert.equal(all.nextCursor, null);
    const { namespace, action, request, progress } = all.data[2];
    assert.deepEqual({ namespace, action, params: request }, echo(3));
    assert.equal(progress, null);
    assert.deepEqual(indexes(await page(system, asyncId, '?status=running')), [1]);
    assert.deepEqual(indexes(await page(system, asyncId, '?status=waiting')), [2, 3]);
    assert.deepEqual(await page(system, asyncId, '?status=pending'), { data: [], nextCursor: null });

    await openGate(system.pool, 'open');
    await system.ended(asyncId);
    assert.deepEqual(await page(system, asyncId), { data: [], nextCursor: null });
  });

  test('of a batch that starts later are waiting', async () => {
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const asyncId = await idle.run([echo(0), echo(1)], { options: { startAt } });
    assert.deepEqual(indexes(await page(idle, asyncId, '?status=waiting')), [0, 1]);
    assert.deepEqual(indexes(await page(idle, asyncId, '?status=pending')), []);
    const { body } = await idle.request(`/v1/batches/${asyncId}/jobs/1`);
    assert.equal(body.status, 'waiting');
  });

  test('of many chunks are walked through by cursor, past those that have ended', async () => {
    const total = 40_000;
    const lines = toLines(Array.from({ length: total }, (_, n) => echo(n)));
    const { status, body } = await postLines(idle, lines);
    assert.equal(status, 202);
    const { asyncId } = body;
    const ended = async (terms: string) =>
      idle.pool.query(
        `insert into batchwright.result (batch_id, index, status, response, attempts, started_at, finished_at)
         select $1::uuid, index, 'succeeded', 'null', 1, now(), now() from generate_series(0, ${total - 1}) as index
         where ${terms} on conflict do nothing`,
        [asyncId],
      );
    assert.deepEqual(indexes(await page(idle, asyncId, '?limit=2&cursor=29999')), [29_999, 30_000]);
    await ended('index % 1000 <> 17');
    const expected = Array.from({ length: total / 1000 }, (_, n) => 1000 * n + 17);
    const { found, pages } = await walk(idle, asyncId, 'status=pending&limit=1000');
    assert.deepEqual(found, expected);
    // Ten chunks are read for a page, some of 1,000 jobs and the others of 4,000.
    assert.ok(pages > 1 && pages < 5, `${pages} pages`);
    assert.deepEqual((await walk(idle, asyncId, 'status=running')).found, []);
    await ended('index <> 39017');
    assert.deepEqual((await walk(idle, asyncId, 'limit=1')).found, [39_017]);
  });

  test('come in pages of bounded size, however large their params are', async () => {
    const text = 'x'.repeat(1_000_000);
    const asyncId = await idle.run(Array.from({ length: 6 }, (_, n) => echo(n, { text })));
    const first = await page(idle, asyncId);
    assert.deepEqual(indexes(first), [0, 1, 2, 3, 4]);
    assert.deepEqual(indexes(await page(idle, asyncId, `?cursor=${first.nextCursor}`)), [5]);
  });

  test('keep the digits of large numbers', async () => {
    const { body } = await idle.rpc(
      'run',
      '{"jobs":[{"id":17,"namespace":"test","action":"echo","params":{"big":9007199254740993}}]}',
    );
    assert.ok(body.asyncId, JSON.stringify(body));
    const { body: text } = await getText(idle, `/v1/batches/${body.asyncId}/jobs`, 'application/json');
    assert.match(text, /"id":17,.*"request":\{"big":9007199254740993\}/);
  });

  test('of another tenant are not there, and a wrong query is refused', async () => {
    const asyncId = await idle.run([echo(0)]);
    assertProblem(await open(idle, asyncId, '', await strangerOf(idle)), 404, /./);
    assertProblem(await open(idle, asyncId, '?status=failed'), 400, /status must be one of/);
    assertProblem(await open(idle, asyncId, '?cursor=x'), 400, /cursor must be the nextCursor/);
    assertProblem(await open(idle, asyncId, '?limit=1001'), 400, /limit must be/);
  });
});
