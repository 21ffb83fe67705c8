import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';

const system = await startSystem({ after });

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });

test('a batch runs its jobs and keeps one result per job, in request order', async () => {
  const jobs = [1, 2, 3].map(echo);
  const asyncId = await system.run(jobs);
  assert.match(asyncId, /^[0-9a-f]{32}$/);
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 3,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 3,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ index, request, response, status }) => ({ index, request, response, status })),
    [1, 2, 3].map((n, index) => ({ index, request: { n }, response: { n }, status: 'succeeded' })),
  );
});

test('results are in request order, whichever job ends first, over several chunks', async () => {
  const jobs = Array.from({ length: 2300 }, (_, n) => echo(n));
  const slow = { namespace: 'test', action: 'behave', params: { n: -1, waitMs: 150 } };
  const asyncId = await system.run([slow, ...jobs, slow]);
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ index, response }) => [index, response.n]),
    [-1, ...jobs.map(({ params }) => params.n), -1].map((n, index) => [index, n]),
  );
});

test('run returns only the asyncId', async () => {
  const { status, headers, body } = await system.rpc('run', { jobs: [echo(1)] });
  assert.equal(status, 200);
  assert.match(headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(Object.keys(body), ['asyncId']);
  assert.match(body.asyncId, /^[0-9a-f]{32}$/);
});

describe('A result', () => {
  test('the result of a successful job has exactly these members', async () => {
    const asyncId = await system.run([{ ...echo(1), id: 'first' }]);
    await system.ended(asyncId);
    const [{ startedAt, finishedAt, ...result }] = await system.results(asyncId);
    assert.deepEqual(result, {
      index: 0,
      id: 'first',
      namespace: 'test',
      action: 'echo',
      request: { n: 1 },
      response: { n: 1 },
      status: 'succeeded',
      attempts: 1,
    });
    assert.match(startedAt, ISO);
    assert.match(finishedAt, ISO);
    assert.ok(startedAt <= finishedAt);
  });

  test('the result of a failed job has the error object as its response', async () => {
    const params = { message: 'no', errorCode: 409, specificCode: 31001, additionalMessages: ['never'] };
    const asyncId = await system.run([echo(1), { namespace: 'rpc', action: 'refuse', params }]);
    assert.equal((await system.ended(asyncId)).state, 'completed');
    const [, { startedAt, finishedAt, ...result }] = await system.results(asyncId);
    assert.deepEqual(result, {
      index: 1,
      namespace: 'rpc',
      action: 'refuse',
      request: params,
      response: { errorCode: 409, message: 'no', specificCode: 31001, additionalMessages: ['never'] },
      status: 'failed',
      attempts: 1,
    });
    assert.match(startedAt, ISO);
    assert.match(finishedAt, ISO);
  });

  test('a result counts every run of its job', async () => {
    const asyncId = await system.run([
      { namespace: 'test', action: 'behave', params: { n: 1, failUntilAttempt: 1 } },
    ]);
    await system.ended(asyncId);
    const [{ attempts, status, response }] = await system.results(asyncId);
    assert.deepEqual(
      { attempts, status, response },
      {
        attempts: 2,
        status: 'succeeded',
        response: { n: 1, attempt: 2 },
      },
    );
  });

  test('a result has the id of its job as it was given: a text, a whole number, or none', async () => {
    const ids = ['a', 'A', 'ä'.repeat(200), 0, 7, Number.MAX_SAFE_INTEGER];
    const asyncId = await system.run([...ids.map((id) => ({ ...echo(1), id })), echo(1)]);
    await system.ended(asyncId);
    const results = await system.results(asyncId);
    assert.deepEqual(
      results.map((result) => result.id),
      [...ids, undefined],
    );
    assert.ok(!('id' in results[ids.length]));
  });
});

describe('the request of run', () => {
  test('a request is read as JSON whatever its Content-Type says', async () => {
    const body = JSON.stringify({ jobs: [echo(1)] });
    for (const type of [
      'application/json; charset=iso-8859-1',
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-ndjson',
      'nonsense',
    ]) {
      const started = await system.rpc('run', body, { 'content-type': type });
      assert.equal(started.status, 200, type);
      const async = JSON.stringify({ async: started.body.asyncId });
      const progress = await system.rpc('progress', async, { 'content-type': type });
      assert.equal(progress.status, 200, type);
    }
    const bytes = await system.request('/batch?action=run', { method: 'POST', body: Buffer.from(body) });
    assert.equal(bytes.status, 200, 'no Content-Type at all');
  });

  test('a request may have its options and callbackUrl before or after the jobs', async () => {
    for (const more of [{ callbackUrl: null, options: {} }, { options: { skipInvalid: false } }]) {
      for (const body of [
        { jobs: [echo(1)], ...more },
        { ...more, jobs: [echo(1)] },
      ])
        assert.equal((await system.rpc('run', body)).status, 200, JSON.stringify(body));
    }
  });

  test('a request is accepted at /batch and at /api/1.0/batch, for every action', async () => {
    const call = (base: string, action: string, body: unknown) =>
      system.request(`${base}?action=${action}`, { method: 'POST', body: JSON.stringify(body) });
    const asyncIds: string[] = [];
    for (const base of ['/batch', '/api/1.0/batch']) {
      const { status, body } = await call(base, 'run', { jobs: [echo(1)] });
      assert.equal(status, 200);
      asyncIds.push(body.asyncId);
    }
    for (const async of asyncIds) {
      await system.ended(async);
      for (const [action, sent] of [
        ['progress', { async }],
        ['results', { async }],
        ['restart', { async }],
        ['repost', { async }],
        ['cancel', { async }],
        ['pause', { async }],
        ['resume', { async }],
        ['validate', { jobs: [echo(1)] }],
        ['run', { jobs: [] }],
        ['nothing', {}],
      ] as const) {
        const [one, other] = await Promise.all(
          ['/batch', '/api/1.0/batch'].map((base) => call(base, action, sent)),
        );
        assert.deepEqual(one?.body, other?.body);
        assert.equal(one?.status, other?.status);
      }
    }
  });
});
