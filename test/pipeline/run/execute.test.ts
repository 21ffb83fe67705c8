import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });

async function resultsOf(jobs: object[], more: object = {}) {
  const asyncId = await system.run(jobs, more);
  await system.ended(asyncId);
  return { asyncId, results: await system.results(asyncId) };
}

async function resultOf(job: object) {
  const { asyncId, results } = await resultsOf([job]);
  return { asyncId, ...results[0] };
}

describe('chunks', () => {
  test('a batch is stored in chunks of at most 1,000 jobs and its results are in request order', async () => {
    const { asyncId, results } = await resultsOf(echoJobs(2500));
    assert.deepEqual(await chunksOf(asyncId), [
      { number: 0, first_index: 0, count: 1000 },
      { number: 1, first_index: 1000, count: 1000 },
      { number: 2, first_index: 2000, count: 500 },
    ]);
    assert.deepEqual(
      results.map(({ index, response }) => [index, response.n]),
      Array.from({ length: 2500 }, (_, n) => [n, n]),
    );
  });

  test('a large batch has 4,000 jobs per chunk from the 33rd chunk on', async () => {
    const { asyncId } = await resultsOf(echoJobs(36_500));
    const counts = (await chunksOf(asyncId)).map(({ count }) => count);
    assert.deepEqual(counts, [...Array.from({ length: 32 }, () => 1000), 4000, 500]);
  });

  test('a chunk is closed at 1 MiB', async () => {
    const half = workJob('attempt', { message: 'x'.repeat(600 * 1024) });
    const { asyncId } = await resultsOf([half, half, ...echoJobs(1)]);
    assert.deepEqual(await chunksOf(asyncId), [
      { number: 0, first_index: 0, count: 1 },
      { number: 1, first_index: 1, count: 2 },
    ]);
  });

  async function chunksOf(asyncId: string) {
    const { rows } = await system.pool.query(
      'select number, first_index, count from batchwright.chunk where batch_id = $1 order by number',
      [toBatchId(asyncId)],
    );
    return rows;
  }
});

describe('retries', { concurrency: true }, () => {
  test('a failed job runs again after its delay, which doubles', async () => {
    const { asyncId, status, attempts, response } = await resultOf(workJob('attempt', { failures: 2 }));
    assert.deepEqual(
      { status, attempts, response },
      { status: 'succeeded', attempts: 3, response: { attempt: 3 } },
    );
    const runs = await entriesOf(system, asyncId);
    assert.deepEqual(
      runs.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    const [first, second, third] = runs.map(({ at }) => at.getTime());
    assert.ok((second ?? 0) - (first ?? 0) >= 300, 'after 0.3 s');
    assert.ok((third ?? 0) - (second ?? 0) >= 600, 'after 0.6 s');
    // The time of the run depends on the machine; the delay in its messages does not.
    const { rows } = await system.pool.query<{ seconds: number }>(
      `select extract(epoch from start_after - created_on)::float8 as seconds
       from pgboss.job where group_id = $1 order by created_on`,
      [toBatchId(asyncId)],
    );
    const [once = 0, twice = 0] = rows.slice(1).map(({ seconds }) => seconds);
    assert.ok(once > 0.25 && once < 0.5, `after ${once} s`);
    assert.ok(twice > 0.5 && twice < 1.1, `after ${twice} s`);
  });

  test('a job fails with its last error when its runs are used up', async () => {
    const { status, attempts, response } = await resultOf(
      workJob('attempt', { failures: 9, message: 'never' }),
    );
    assert.deepEqual(
      { status, attempts, response },
      { status: 'failed', attempts: 3, response: { errorCode: 500, message: 'never' } },
    );
  });

  test('a NonRetryableError fails the job at once, with the fields that the action set', async () => {
    const { asyncId, status, attempts, response } = await resultOf(
      workJob('attempt', { failures: 9, fatal: true, message: 'for good', errorCode: 422 }),
    );
    assert.deepEqual({ status, attempts }, { status: 'failed', attempts: 1 });
    assert.deepEqual(response, {
      errorCode: 422,
      message: 'for good',
      specificCode: 7,
      additionalMessages: ['more'],
    });
    assert.equal((await entriesOf(system, asyncId)).length, 1);
  });

  test('a NonRetryableError without a code gets the code of a failed request', async () => {
    const { response } = await resultOf(
      workJob('attempt', { failures: 9, fatal: true, message: 'for good' }),
    );
    assert.deepEqual(response, { errorCode: 461, message: 'for good' });
  });

  test('a RetryLaterError delays the next run', async () => {
    const { asyncId, status, attempts } = await resultOf(
      workJob('attempt', { failures: 1, retryInSeconds: 1.5 }),
    );
    assert.deepEqual({ status, attempts }, { status: 'succeeded', attempts: 2 });
    const [first, second] = (await entriesOf(system, asyncId)).map(({ at }) => at.getTime());
    assert.ok((second ?? 0) - (first ?? 0) >= 1500);
  });

  test('a RetryLaterError gives a job no additional runs', async () => {
    const { status, attempts, response } = await resultOf(
      workJob('attempt', { failures: 9, retryInSeconds: 0.1, message: 'too busy', errorCode: 429 }),
    );
    assert.deepEqual(
      { status, attempts, errorCode: response.errorCode },
      { status: 'failed', attempts: 3, errorCode: 429 },
    );
  });

  test('only the jobs that failed run again', async () => {
    const { asyncId, results } = await resultsOf([
      workJob('attempt'),
      workJob('attempt', { failures: 1 }),
      workJob('attempt', { failures: 1, fatal: true }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts }) => `${status} ${attempts}`),
      ['succeeded 1', 'succeeded 2', 'failed 1'],
    );
    assert.equal((await entriesOf(system, asyncId)).length, 4);
  });
});

describe('timeouts', () => {
  test('a run that takes too long has its signal aborted, fails, and is run again', async () => {
    const { asyncId, status, attempts, response } = await resultOf(workJob('brief'));
    assert.deepEqual(
      { status, attempts, response },
      { status: 'failed', attempts: 2, response: { errorCode: 504, message: 'timed out after 0.2 s' } },
    );
    const told = await waitFor(
      async () => {
        const entries = await entriesOf(system, asyncId);
        return entries.length === 2 && entries;
      },
      { what: 'both runs to notice' },
    );
    assert.deepEqual(
      told.map(({ attempt, name }) => [attempt, name]),
      [
        [1, 'aborted: timed out after 0.2 s'],
        [2, 'aborted: timed out after 0.2 s'],
      ],
    );
  });
});

describe('responses', () => {
  const good: [kind: string, response: unknown][] = [
    ['undefined', null],
    ['null', null],
    ['number', 0.1],
    ['date', '1970-01-01T00:00:00.000Z'],
    ['nul', { text: 'a\u0000b' }],
    ['surrogate', 'x\ud800y'],
    ['largest', 'x'.repeat(1024 * 1024 - 2)],
  ];
  for (const [kind, response] of good)
    test(`a response that is ${kind} is recorded as JSON`, async () => {
      const result = await resultOf(workJob('respond', { kind }));
      assert.deepEqual(
        { status: result.status, attempts: result.attempts },
        { status: 'succeeded', attempts: 1 },
      );
      assert.deepEqual(result.response, response);
    });

  const bad: [kind: string, message: RegExp][] = [
    ['function', /^the response must be JSON, not a function$/],
    ['bigint', /^the response is not valid JSON: .*BigInt/],
    ['circular', /^the response is not valid JSON: .*circular/s],
    ['larger', /^the response has more than 1048576 bytes$/],
    ['wide', /^the response has more than 1048576 bytes$/],
    ['deep', /^the response is not valid JSON: Maximum call stack size exceeded$/],
  ];
  for (const [kind, message] of bad)
    test(`a response that is ${kind} fails the job, which is not run again`, async () => {
      const { status, attempts, response } = await resultOf(workJob('respond', { kind }));
      assert.deepEqual(
        { status, attempts, errorCode: response.errorCode },
        { status: 'failed', attempts: 1, errorCode: 500 },
      );
      assert.match(response.message, message);
    });
});

describe('concurrency and queues', () => {
  test('an action runs at most its concurrency at once in a process, over all batches', async () => {
    const batches = await Promise.all(
      Array.from({ length: 3 }, () => system.run(Array.from({ length: 10 }, () => workJob('narrow')))),
    );
    for (const asyncId of batches) await system.ended(asyncId);
    const results = (await Promise.all(batches.map((asyncId) => system.results(asyncId)))).flat();
    assert.equal(results.length, 30);
    assert.equal(Math.max(...results.map(({ response }) => response.most)), 2);
  });

  test('one batch may contain actions of several queues', async () => {
    const jobs = [...echoJobs(1), workJob('lane'), ...echoJobs(1)];
    const { asyncId, results } = await resultsOf(jobs);
    assert.deepEqual(
      results.map(({ response }) => response),
      [{ n: 0 }, { lane: 'work' }, { n: 0 }],
    );
    const { rows } = await system.pool.query(
      `select name from pgboss.job where data->>'batch' = $1 order by name`,
      [toBatchId(asyncId)],
    );
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['jobs.default', 'jobs.work'],
    );
  });

  test('a queue whose lanes are all busy does not delay other queues', async () => {
    const busy = await Promise.all(
      Array.from({ length: 6 }, () => system.run([workJob('lane', { gate: 'busy lanes' })])),
    );
    await resultsOf(echoJobs(3));
    for (const asyncId of busy)
      assert.notEqual((await system.rpc('progress', { async: asyncId })).body.state, 'completed');
    await openGate(system, 'busy lanes');
    for (const asyncId of busy) assert.equal((await system.ended(asyncId)).state, 'completed');
  });
});

describe('progress', () => {
  function reports(done: number, total: number): object {
    return { namespace: 'test', action: 'behave', params: { progress: [done, total], gate: 'progress' } };
  }

  async function progressIs(asyncId: string, progress: number) {
    return waitFor(
      async () => {
        const { body } = await system.rpc('progress', { async: asyncId });
        return body.progress === progress && body;
      },
      { what: `progress ${progress}` },
    );
  }

  test('reported progress counts towards the percentage, which is 100 only at the end', async () => {
    const one = await system.run([reports(3, 6)]);
    const six = await system.run([
      reports(3, 6),
      ...echoJobs(2),
      reports(1, 2),
      reports(-9, 3),
      reports(0, 0),
    ]);
    const all = await system.run([reports(5, 5), reports(9, 3)]);
    assert.deepEqual((await progressIs(one, 50)).counts, {
      total: 1,
      pending: 0,
      waiting: 0,
      running: 1,
      succeeded: 0,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    });
    assert.equal((await progressIs(six, 50)).counts.running, 4);
    assert.equal((await progressIs(all, 99)).counts.running, 2);
    await system.pool.query(`insert into test.gate (name) values ('progress')`);
    for (const asyncId of [one, six, all]) {
      await system.ended(asyncId);
      await progressIs(asyncId, 100);
    }
    await waitFor(
      async () => {
        const { rows } = await system.pool.query('select count(*) as left from batchwright.job_progress');
        return rows[0].left === 0;
      },
      { what: 'the progress rows to go' },
    );
  });
});
