/** `GET /v1/batches/{asyncId}/results`: pages, NDJSON and CSV. */

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { controlJobs } from '../../support/cancel.ts';
import type { Json } from '../../support/json.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { parseCsv } from '../body/csv.ts';
import {
  assertProblem,
  echo,
  echoes,
  gated,
  getText,
  NDJSON,
  openGate,
  postBatch,
  refuse,
} from './support.ts';

const MEBIBYTE = 1024 * 1024;
const system = await startSystem({ after });
const { pool } = system;

const pathOf = (asyncId: string, query = '') => `/v1/batches/${asyncId}/results${query}`;
const get = (asyncId: string, query = ''): Promise<Answer> => system.request(pathOf(asyncId, query));
const getAs = (accept: string, asyncId: string, query = '') =>
  getText(system, pathOf(asyncId, query), accept);

async function ended(jobs: unknown[] | string, more = {}): Promise<string> {
  const body = typeof jobs === 'string' ? jobs : { jobs, ...more };
  const answer = await postBatch(system, body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  await system.ended(answer.body.asyncId);
  return answer.body.asyncId;
}

/** All pages, by cursor, each with at most this many results. */
async function walk(asyncId: string, limit: number, query = ''): Promise<Json[][]> {
  const pages: Json[][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { status, body } = await get(asyncId, `?limit=${limit}${query}${from}`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(body.data.length <= limit);
    pages.push(body.data);
    cursor = body.nextCursor;
  }
  return pages;
}

async function ndjson(asyncId: string, query = ''): Promise<Json[]> {
  const { status, headers, body } = await getAs(NDJSON, asyncId, query);
  assert.equal(status, 200);
  assert.equal(headers.get('content-type')?.split(';')[0], NDJSON);
  if (body === '') return [];
  assert.ok(body.endsWith('\n'));
  return body
    .slice(0, -1)
    .split('\n')
    .map((line: string) => JSON.parse(line));
}

const COLUMNS = 'index,id,namespace,action,request,response,status,attempts,startedAt,finishedAt'.split(',');

/** The records, each by column. */
async function csv(asyncId: string, query = ''): Promise<Record<string, string>[]> {
  const { status, headers, body } = await getAs('text/csv', asyncId, query);
  assert.equal(status, 200);
  assert.equal(headers.get('content-type')?.split(';')[0], 'text/csv');
  const [header, ...records] = parseCsv(body);
  assert.deepEqual(header, COLUMNS);
  return records.map((record) => {
    assert.equal(record.length, COLUMNS.length);
    return Object.fromEntries(record.map((field, column) => [COLUMNS[column], field]));
  });
}

const indexes = (results: Json[]) => results.map(({ index }) => Number(index));
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);

describe('pages of results', () => {
  test('a page has the same results as the RPC, and a null cursor at the end', async () => {
    const asyncId = await ended([{ ...echo(1), id: 'a' }, refuse, { ...echo(2), id: 7 }]);
    const { status, headers, body } = await get(asyncId);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json\b/);
    assert.deepEqual(Object.keys(body), ['data', 'nextCursor']);
    assert.deepEqual(body, { data: await system.results(asyncId), nextCursor: null });
    const { startedAt, finishedAt, ...first } = body.data[0];
    assert.deepEqual(first, {
      index: 0,
      id: 'a',
      namespace: 'test',
      action: 'echo',
      request: { n: 1 },
      response: { n: 1 },
      status: 'succeeded',
      attempts: 1,
    });
    for (const time of [startedAt, finishedAt]) assert.equal(new Date(time).toISOString(), time);
    assert.equal(body.data[1].status, 'failed');
    assert.equal(body.data[2].id, 7);
  });

  test('a page has 100 results by default, and at most 1000', async () => {
    const asyncId = await ended(echoes(1100));
    assert.deepEqual(indexes((await get(asyncId)).body.data), upTo(100));
    assert.deepEqual(indexes((await get(asyncId, '?limit=1000')).body.data), upTo(1000));
    assert.deepEqual(
      (await walk(asyncId, 1000)).map((page) => indexes(page)),
      [upTo(1000), upTo(100, 1000)],
    );
    assert.deepEqual(indexes((await walk(asyncId, 7)).flat()), upTo(1100));
  });

  test('a full page is the last one when no result comes after it', async () => {
    const asyncId = await ended([refuse, echo(1), refuse, echo(3), echo(4), refuse]);
    assert.deepEqual(
      (await walk(asyncId, 3)).map((page) => indexes(page)),
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    );
    assert.equal((await get(asyncId, '?limit=6')).body.nextCursor, null);
    assert.equal((await get(asyncId, '?limit=3&status=failed')).body.nextCursor, null);
    assert.deepEqual(
      (await walk(asyncId, 2, '&status=failed')).map((page) => indexes(page)),
      [[0, 2], [5]],
    );
    assert.deepEqual(
      (await walk(asyncId, 1, '&status=succeeded')).map((page) => indexes(page)),
      [[1], [3], [4]],
    );
    assert.deepEqual((await get(asyncId, '?status=cancelled')).body, { data: [], nextCursor: null });
  });

  test('a page ends early when its responses are large, and all pages together are complete', async () => {
    const jobs = Array.from({ length: 20 }, () => ({
      namespace: 'rest',
      action: 'answer',
      params: { bytes: MEBIBYTE },
    }));
    const asyncId = await ended(jobs);
    const pages = await walk(asyncId, 1000);
    assert.deepEqual(indexes(pages.flat()), upTo(20));
    for (const page of pages) assert.ok(page.length > 0 && page.length <= 8, `${page.length} in a page`);
    for (const { response } of pages.flat()) assert.equal(response.length, MEBIBYTE - 2);
  });

  test('a page has a request of 10 MiB completely', async () => {
    const text = 'x'.repeat(10 * MEBIBYTE);
    const job = { namespace: 'rest', action: 'answer', params: { bytes: 3, text } };
    const asyncId = await ended([echo(0), job, echo(2)]);
    const results = (await walk(asyncId, 1000)).flat();
    assert.deepEqual(indexes(results), upTo(3));
    assert.ok(results[1].request.text === text && results[1].response === 'x');
    assert.equal((await csv(asyncId))[1]?.request, JSON.stringify(job.params));
  });

  for (const query of [
    '?limit=0',
    '?limit=1001',
    '?limit=-1',
    '?limit=1.5',
    '?limit=x',
    '?limit=',
    '?limit=1&limit=2',
    '?cursor=x',
    '?cursor=-1',
    '?cursor=',
    '?cursor=1e3',
    '?cursor=2147483648',
    '?cursor=9999999999',
    '?cursor=99999999999',
    '?cursor=1&cursor=2',
    '?status=Succeeded',
    '?status=running',
    '?status=',
    '?status=failed&status=failed',
  ])
    test(`is 400 with ${query}`, async () => {
      const asyncId = await ended([echo(1)]);
      assertProblem(await get(asyncId, query), 400);
      if (query.includes('limit')) return;
      const headers = { accept: NDJSON };
      assertProblem(await system.request(pathOf(asyncId, query), { headers }), 400);
    });

  test('a page after the end is empty', async () => {
    const asyncId = await ended([echo(1)]);
    for (const cursor of ['1', '1000', '2147483647'])
      assert.deepEqual((await get(asyncId, `?cursor=${cursor}`)).body, { data: [], nextCursor: null });
  });
});

describe('results in every form', () => {
  test('results are the same in every form, in request order', async () => {
    const asyncId = await ended([refuse, ...echoes(1500), { ...echo(1), id: 'last' }]);
    const whole = await system.results(asyncId);
    assert.deepEqual(await ndjson(asyncId), whole);
    assert.deepEqual((await walk(asyncId, 999)).flat(), whole);
    const records = await csv(asyncId);
    assert.equal(records.length, whole.length);
    for (const [at, record] of records.entries()) {
      const { index, id = '', namespace, action, request, response, status, attempts, ...times } = whole[at];
      assert.deepEqual(
        { ...record, request: JSON.parse(record.request ?? ''), response: JSON.parse(record.response ?? '') },
        {
          index: String(index),
          id,
          namespace,
          action,
          request,
          response,
          status,
          attempts: String(attempts),
          ...times,
        },
      );
    }
  });

  test('results may be limited to one status, and may start at a cursor', async () => {
    const asyncId = await ended([refuse, ...echoes(1200), refuse]);
    assert.deepEqual(indexes(await ndjson(asyncId, '?status=failed')), [0, 1201]);
    assert.deepEqual(indexes(await csv(asyncId, '?status=failed')), [0, 1201]);
    assert.deepEqual(indexes(await ndjson(asyncId, '?cursor=1199')), [1199, 1200, 1201]);
    assert.deepEqual(indexes(await csv(asyncId, '?status=succeeded&cursor=1199')), [1199, 1200]);
    assert.deepEqual(await ndjson(asyncId, '?status=cancelled'), []);
    assert.deepEqual(await csv(asyncId, '?status=cancelled'), []);
  });

  test('results are in request order after retries', async () => {
    const jobs = Array.from({ length: 60 }, (_, n) => ({
      namespace: 'test',
      action: 'behave',
      params: { n, ...(n % 3 === 0 ? { failUntilAttempt: 1 + (n % 2) } : {}) },
    }));
    const asyncId = await ended(jobs);
    for (const results of [await ndjson(asyncId), await csv(asyncId), (await walk(asyncId, 7)).flat()]) {
      assert.deepEqual(indexes(results), upTo(60));
      assert.deepEqual(
        results.map(({ attempts }) => Number(attempts)),
        jobs.map(({ params }) => 1 + (params.failUntilAttempt ?? 0)),
      );
    }
  });

  test('results of a running batch are those so far, and afterwards all', async () => {
    const asyncId = (await postBatch(system, { jobs: [echo(0), gated('so far', 1), refuse, echo(3)] })).body
      .asyncId;
    const finished = () => get(asyncId).then(({ body }) => body.data.length === 3);
    await waitFor(finished, { what: 'three results' });
    assert.equal((await system.request(`/v1/batches/${asyncId}`)).body.state, 'running');
    for (const results of [await ndjson(asyncId), await csv(asyncId), (await walk(asyncId, 2)).flat()])
      assert.deepEqual(indexes(results), [0, 2, 3]);
    assert.deepEqual(indexes((await walk(asyncId, 1, '&status=failed')).flat()), [2]);
    await openGate(pool, 'so far');
    await system.ended(asyncId);
    for (const results of [await ndjson(asyncId), await csv(asyncId), (await walk(asyncId, 2)).flat()])
      assert.deepEqual(indexes(results), [0, 1, 2, 3]);
  });

  test('results may be paged while they arrive: no index twice, each in order', async () => {
    const jobs = Array.from({ length: 400 }, (_, n) => ({
      namespace: 'test',
      action: 'behave',
      params: { n, waitMs: 10 },
    }));
    const { asyncId } = (await postBatch(system, { jobs })).body;
    let walks = 0;
    for (let running = true; running; walks++) {
      const { body } = await system.request(`/v1/batches/${asyncId}`);
      running = body.state !== 'completed';
      const seen = indexes((await walk(asyncId, 20)).flat());
      assert.deepEqual(
        seen,
        [...new Set(seen)].sort((a, b) => a - b),
      );
      assert.ok(seen.length >= body.counts.succeeded);
      if (!running) assert.deepEqual(seen, upTo(400));
    }
    assert.ok(walks > 1);
  });

  test('results of jobs that never ran show so', async () => {
    const asyncId = await ended([echo('x'), 7, { namespace: 1 }, echo(1)], {
      options: { skipInvalid: true },
    });
    const whole = await system.results(asyncId);
    assert.deepEqual(await ndjson(asyncId), whole);
    const records = await csv(asyncId);
    assert.deepEqual(
      records.map(({ namespace, action, request, status, attempts, startedAt }) => [
        namespace,
        action,
        request,
        status,
        attempts,
        startedAt === '',
      ]),
      [
        ['test', 'echo', '{"n":"x"}', 'failed', '0', true],
        ['', '', '7', 'failed', '0', true],
        ['1', '', '', 'failed', '0', true],
        ['test', 'echo', '{"n":1}', 'succeeded', '1', false],
      ],
    );
    const { jobs, running, cancelKnown } = controlJobs('work.attempt', 'never');
    const waiting = upTo(12).map((n) => gated('never', n));
    const gate = (await postBatch(system, { jobs: [...waiting, ...jobs] })).body.asyncId;
    await running(system, gate, 10);
    await system.request(`/v1/batches/${gate}/cancel`, { method: 'POST' });
    await cancelKnown(system, gate);
    await openGate(pool, 'never');
    await system.ended(gate);
    assert.deepEqual(indexes(await csv(gate, '?status=cancelled')), [10, 11]);
    const [cancelled] = await csv(gate, '?cursor=10');
    assert.deepEqual([cancelled?.response, cancelled?.attempts], ['', '0']);
  });
});

describe('results as NDJSON', () => {
  test('a result in NDJSON is one line, however its request was laid out', async () => {
    const jobs = [{ ...echo(1, { deep: [1, { a: 'x\ny' }] }), id: 'a' }, echo(2)];
    for (const layout of [JSON.stringify({ jobs }, null, 2), JSON.stringify({ jobs }, null, '\t')])
      for (const end of ['\n', '\r\n', '\r']) {
        const asyncId = await ended(layout.replaceAll('\n', end));
        const { body } = await getAs(NDJSON, asyncId);
        assert.doesNotMatch(body, /\r/);
        assert.equal(body.split('\n').length, 3);
        assert.deepEqual(await ndjson(asyncId), await system.results(asyncId));
      }
  });
});

describe('results as CSV', () => {
  test('CSV quotes values by RFC 4180, with any ids, requests and responses', async () => {
    const texts = ['a,b', 'say "hi"', 'two\nlines', 'two\r\nlines', '"', '', ',', ' é€😀 ', '\u0000', "it's"];
    const jobs = texts.map((text, n) => ({ ...echo(n, { text }), ...(text === '' ? {} : { id: text }) }));
    const asyncId = await ended(JSON.stringify({ jobs }, null, 2));
    const records = await csv(asyncId);
    assert.deepEqual(
      records.map(({ id }) => id),
      texts,
    );
    for (const [n, { request = '', response = '' }] of records.entries()) {
      assert.deepEqual(JSON.parse(request), { n, text: texts[n] });
      assert.deepEqual(JSON.parse(response), { n, text: texts[n] });
    }
  });

  test('CSV is downloaded under the name of the batch', async () => {
    const asyncId = await ended([echo(1)]);
    const { headers, body } = await getAs('text/csv', asyncId);
    assert.equal(headers.get('content-disposition'), `attachment; filename=${asyncId}.csv`);
    assert.equal(headers.get('content-type'), 'text/csv; charset=utf-8');
    assert.ok(body.startsWith(`${COLUMNS.join(',')}\r\n0,,test,echo,"{""n"":1}","{""n"":1}",succeeded,1,`));
    assert.ok(body.endsWith('Z\r\n'));
  });
});

describe('Accept', () => {
  test('Accept chooses the form, by weight and wildcard, and JSON is the default', async () => {
    const asyncId = await ended([echo(1)]);
    for (const [accept, type] of [
      ['*/*', 'application/json'],
      ['application/*', 'application/json'],
      ['application/json, text/csv', 'application/json'],
      [NDJSON, NDJSON],
      [`${NDJSON}; charset=utf-8`, NDJSON],
      ['text/csv;charset=UTF-8', 'text/csv'],
      ['Application/X-NDJSON', NDJSON],
      [`text/csv;q=0.5, ${NDJSON}`, NDJSON],
      [`text/csv, ${NDJSON};q=0.5`, 'text/csv'],
      ['text/*', 'text/csv'],
      ['text/html, text/csv;q=0.1', 'text/csv'],
      [`${NDJSON};q=0, */*`, 'application/json'],
      ['text/html', 'application/json'],
      ['nonsense', 'application/json'],
    ] as const) {
      const { status, headers } = await getAs(accept, asyncId);
      assert.equal(status, 200);
      assert.equal(headers.get('content-type')?.split(';')[0], type, accept);
    }
  });
});

test('HEAD of results is answered like GET, without the body', async () => {
  const asyncId = await ended(echoes(1200));
  for (const accept of [NDJSON, 'text/csv', 'application/json']) {
    const head = await getText(system, pathOf(asyncId), accept, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-type')?.split(';')[0], accept);
    assert.equal(head.body, '');
  }
});
