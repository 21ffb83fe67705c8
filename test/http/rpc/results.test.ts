/** progress and results: their answers, their parameters and the places of these. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem({ after });

const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });
const refuse = (message: string) => ({ namespace: 'rpc', action: 'refuse', params: { message } });
const gated = (gate: string, more = {}) => ({
  namespace: 'test',
  action: 'behave',
  params: { gate, ...more },
});
const open = (gate: string) => system.pool.query('insert into test.gate values ($1)', [gate]);

async function ended(jobs: unknown[]): Promise<string> {
  const asyncId = await system.run(jobs);
  await system.ended(asyncId);
  return asyncId;
}

describe('the id of a batch', () => {
  for (const name of ['async', 'asyncId'])
    test(`the id of a batch may be called ${name}, in the body or in the query`, async () => {
      const asyncId = await ended([echo(1)]);
      for (const action of ['progress', 'results', 'restart', 'repost', 'cancel', 'pause', 'resume']) {
        const inBody = await system.rpc(action, { [name]: asyncId });
        const inQuery = await system.rpc(`${action}&${name}=${asyncId}`, '');
        assert.equal(inBody.status, 200);
        assert.equal(inQuery.status, 200);
        assert.deepEqual(inBody.body, inQuery.body);
      }
      for (const action of ['progress', 'results']) {
        const got = await system.request(`/api/1.0/batch?action=${action}&${name}=${asyncId}`);
        assert.equal(got.status, 200);
        assert.equal(got.body.asyncId, asyncId);
      }
    });

  test('the id of a batch is refused in another notation', async () => {
    const asyncId = await ended([echo(1)]);
    const dashed = asyncId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    for (const async of [asyncId.toUpperCase(), dashed, ` ${asyncId}`, `${asyncId}0`]) {
      // Hex digits may all be decimal ones: then upper case is the same.
      if (async === asyncId) continue;
      assert.equal((await system.rpc('progress', { async })).status, 404, async);
    }
  });
});

test('a method that an action does not have is 405 with the allowed ones', async () => {
  for (const [action, allow] of Object.entries({
    run: 'POST',
    validate: 'POST',
    cancel: 'POST',
    restart: 'POST',
    repost: 'POST',
    progress: 'GET, HEAD, POST',
    results: 'GET, HEAD, POST',
  })) {
    const others = ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((method) => !allow.includes(method));
    for (const base of ['/batch', '/api/1.0/batch'])
      for (const method of others) {
        const { status, headers, body } = await system.request(`${base}?action=${action}`, { method });
        assert.equal(status, 405, `${method} ${action}`);
        assert.equal(headers.get('allow'), allow);
        assert.equal(body.errorCode, 405);
      }
  }
});

describe('Progress', () => {
  test('progress of an ended batch is 100 with its counts', async () => {
    const asyncId = await ended([echo(1), refuse('no'), echo(2)]);
    const { status, body } = await system.rpc('progress', { async: asyncId });
    assert.equal(status, 200);
    assert.deepEqual(body, {
      progress: 100,
      asyncId,
      state: 'completed',
      counts: {
        total: 3,
        pending: 0,
        waiting: 0,
        running: 0,
        succeeded: 2,
        failed: 1,
        cancelled: 0,
        skipped: 0,
      },
    });
  });

  test('progress of a running batch includes reported progress of running jobs, rounded down', async () => {
    const asyncId = await system.run([echo(1), gated('progress', { progress: [1, 2] }), echo(2)]);
    const expected = {
      progress: 83,
      asyncId,
      state: 'running',
      counts: {
        total: 3,
        pending: 0,
        waiting: 0,
        running: 1,
        succeeded: 2,
        failed: 0,
        cancelled: 0,
        skipped: 0,
      },
    };
    const seen = new Set<number>();
    const body = await waitFor(
      async () => {
        const answer = await system.rpc('progress', { async: asyncId });
        seen.add(answer.body.progress);
        return answer.body.progress === 83 && answer.body;
      },
      { what: 'the job to be seen half done' },
    );
    assert.deepEqual(body, expected);
    await open('progress');
    await system.ended(asyncId);
    assert.ok(!seen.has(100));
  });

  test('progress is never 100 before the end, even if every job reports that it is done', async () => {
    const asyncId = await system.run([gated('done', { progress: [5, 5] })]);
    await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.progress === 99, {
      what: 'the job to be seen done',
    });
    await open('done');
    assert.equal((await system.ended(asyncId)).state, 'completed');
    assert.equal((await system.rpc('progress', { async: asyncId })).body.progress, 100);
  });

  test('progress of a batch that no worker has taken is 0, and reading it changes nothing', async () => {
    // The message of its first chunk is delayed, as by a full queue.
    await system.pool.query(`
      create function put_off() returns trigger language plpgsql
        as 'begin new.start_after = now() + interval ''1 hour''; return new; end';
      create trigger put_off before insert on pgboss.job_common
        for each row execute function put_off()`);
    const asyncId = await system.run([echo(1), echo(2)]);
    await system.pool.query('drop function put_off cascade');
    const rows = await storedRows(system.pool);
    const { body } = await system.rpc('progress', { async: asyncId });
    assert.deepEqual(body, {
      progress: 0,
      asyncId,
      state: 'queued',
      counts: {
        total: 2,
        pending: 2,
        waiting: 0,
        running: 0,
        succeeded: 0,
        failed: 0,
        cancelled: 0,
        skipped: 0,
      },
    });
    assert.deepEqual(await storedRows(system.pool), rows);
    const results = await system.rpc('results', { async: asyncId });
    assert.equal(results.body.specificCode, 24114);
  });
});

describe('Results', () => {
  /** Ten jobs; those at 2, 5 and 8 fail. */
  let asyncId: string;
  before(async () => {
    asyncId = await ended(Array.from({ length: 10 }, (_, n) => (n % 3 === 2 ? refuse(`no ${n}`) : echo(n))));
  });

  async function page(parameters: object): Promise<{ indexes: number[]; meta: object }> {
    const posted = await system.rpc('results', { async: asyncId, ...parameters });
    assert.equal(posted.status, 200, JSON.stringify(posted.body));
    assert.deepEqual(Object.keys(posted.body), ['asyncId', 'results', 'meta']);
    assert.equal(posted.body.asyncId, asyncId);
    const query = new URLSearchParams({ action: 'results', async: asyncId });
    for (const [name, value] of Object.entries(parameters)) query.set(name, String(value));
    const got = await system.request(`/batch?${query}`);
    assert.deepEqual(got.body, posted.body, 'GET answers the same');
    const { results, meta } = posted.body;
    return { indexes: results.map(({ index }: { index: number }) => index), meta };
  }

  test('results without perPage are complete, in request order', async () => {
    assert.deepEqual(await page({}), {
      indexes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      meta: { totalResults: 10, start: 0, perPage: 10, count: 10 },
    });
  });

  test('results are paged', async () => {
    assert.deepEqual(await page({ perPage: 4 }), {
      indexes: [0, 1, 2, 3],
      meta: { totalResults: 10, start: 0, perPage: 4, count: 4 },
    });
    assert.deepEqual(await page({ start: 8, perPage: 4 }), {
      indexes: [8, 9],
      meta: { totalResults: 10, start: 8, perPage: 4, count: 2 },
    });
    assert.deepEqual(await page({ start: 7 }), {
      indexes: [7, 8, 9],
      meta: { totalResults: 10, start: 7, perPage: 10, count: 3 },
    });
    for (const start of [10, 2 ** 31 - 1])
      assert.deepEqual(await page({ start, perPage: 4 }), {
        indexes: [],
        meta: { totalResults: 10, start, perPage: 4, count: 0 },
      });
    const huge = 2 ** 31 - 1;
    assert.deepEqual((await page({ start: 9, perPage: huge })).indexes, [9]);
  });

  test('results of one status are counted and paged among themselves', async () => {
    assert.deepEqual(await page({ status: 'failed' }), {
      indexes: [2, 5, 8],
      meta: { totalResults: 3, start: 0, perPage: 3, count: 3 },
    });
    assert.deepEqual(await page({ status: 'failed', start: 1, perPage: 1 }), {
      indexes: [5],
      meta: { totalResults: 3, start: 1, perPage: 1, count: 1 },
    });
    assert.deepEqual(await page({ status: 'succeeded', start: 3, perPage: 3 }), {
      indexes: [4, 6, 7],
      meta: { totalResults: 7, start: 3, perPage: 3, count: 3 },
    });
    assert.deepEqual(await page({ status: 'failed', start: 3 }), {
      indexes: [],
      meta: { totalResults: 3, start: 3, perPage: 3, count: 0 },
    });
    assert.deepEqual(await page({ status: 'cancelled' }), {
      indexes: [],
      meta: { totalResults: 0, start: 0, perPage: 0, count: 0 },
    });
  });

  test('results with an invalid start, perPage or status are 400', async () => {
    for (const parameters of [
      { start: -1 },
      { start: 1.5 },
      { start: 'x' },
      { start: '' },
      { start: [0] },
      { start: 2 ** 31 },
      { perPage: 0 },
      { perPage: -1 },
      { perPage: '1e3' },
      { perPage: {} },
      { perPage: true },
      { status: 'done' },
      { status: '' },
      { status: ['failed'] },
      { status: 'constructor' },
    ]) {
      const { status, body } = await system.rpc('results', { async: asyncId, ...parameters });
      assert.equal(status, 400, JSON.stringify(parameters));
      assert.equal(body.errorCode, 400);
      assert.match(body.message, new RegExp(Object.keys(parameters)[0] as string));
    }
  });

  test('results of 2,500 jobs are complete when read in pages, each exactly once', async () => {
    const large = await ended(Array.from({ length: 2500 }, (_, n) => echo(n)));
    const seen: number[] = [];
    for (let start = 0; start < 2500; start += 600) {
      const { body } = await system.rpc('results', { async: large, start, perPage: 600 });
      assert.equal(body.meta.count, Math.min(600, 2500 - start));
      seen.push(...body.results.map(({ response }: { response: { n: number } }) => response.n));
    }
    assert.deepEqual(seen, [...Array(2500).keys()]);
  });
});
