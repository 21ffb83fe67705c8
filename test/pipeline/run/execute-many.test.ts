import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { transaction } from '../../../src/postgres/transaction.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { silentLog } from '../../support/silent-log.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });

async function resultsOf(jobs: object[]) {
  const asyncId = await system.run(jobs);
  const { counts } = await system.ended(asyncId);
  return { asyncId, counts, results: await system.results(asyncId) };
}

/** Names and attempts of what was committed, in request order. */
async function committed(asyncId: string) {
  const entries = await entriesOf(system, asyncId);
  return entries.sort((a, b) => a.index - b.index).map(({ name, attempt }) => `${name} ${attempt}`);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

describe('runMany', () => {
  test('runMany gets the jobs of a chunk together', async () => {
    const { results } = await resultsOf(numbers(1200).map((n) => workJob('many', { n })));
    assert.deepEqual(
      results.map(({ response, status, attempts }) => [status, attempts, response]),
      numbers(1200).map((n) => ['succeeded', 1, { n, attempt: 1, together: n < 1000 ? 1000 : 200 }]),
    );
  });

  test('runMany that returns an Error for one job fails and retries only that job', async () => {
    const { results } = await resultsOf([
      workJob('many', { n: 0 }),
      workJob('many', { n: 1, failures: 1 }),
      workJob('many', { n: 2, failures: 9 }),
      workJob('many', { n: 3, fatal: true }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [status, attempts, response]),
      [
        ['succeeded', 1, { n: 0, attempt: 1, together: 4 }],
        ['succeeded', 2, { n: 1, attempt: 2, together: 2 }],
        ['failed', 2, { errorCode: 500, message: 'not yet 2' }],
        ['failed', 1, { errorCode: 461, message: 'never 3' }],
      ],
    );
  });

  for (const spoils of ['throws', 'length'])
    test(`jobs run one by one when runMany fails as a whole: ${spoils}`, async () => {
      const { results } = await resultsOf([
        workJob('many', { n: 0 }),
        workJob('many', { n: 1, spoils }),
        workJob('many', { n: 2, fatal: true }),
      ]);
      assert.deepEqual(
        results.map(({ status, attempts, response }) => [
          status,
          attempts,
          response.together ?? response.message,
        ]),
        [
          ['succeeded', 1, 1],
          ['succeeded', 1, 1],
          ['failed', 1, 'never 2'],
        ],
      );
    });

  test('jobs that run one by one get their original params, even if runMany changed them', async () => {
    const { results } = await resultsOf([
      workJob('many', { n: 0 }),
      workJob('many', { n: 1, spoils: 'changes' }),
      workJob('many', { n: 2, failures: 1 }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [status, attempts, response.n]),
      [
        ['succeeded', 1, 0],
        ['succeeded', 1, 1],
        ['succeeded', 2, 2],
      ],
    );
  });

  test('a batch of one job also uses runMany', async () => {
    const { results } = await resultsOf([workJob('many', { n: 5 })]);
    assert.deepEqual(results[0].response, { n: 5, attempt: 1, together: 1 });
  });
});

describe('transactional run', () => {
  test('the writes of a job are committed with its result, and a failed run leaves nothing', async () => {
    const { asyncId, results } = await resultsOf([
      workJob('post', { name: 'good' }),
      workJob('post', { name: 'second run', failures: 1 }),
      workJob('post', { name: 'never', failures: 9 }),
      workJob('post', { name: 'fatal', fatal: true }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts }) => `${status} ${attempts}`),
      ['succeeded 1', 'succeeded 2', 'failed 2', 'failed 1'],
    );
    assert.deepEqual(await committed(asyncId), ['good 1', 'second run 2']);
  });

  test('the writes of a job are invisible before its result is recorded', async () => {
    const asyncId = await system.run([workJob('post', { name: 'waits', gate: 'post' })]);
    await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.progress === 50, {
      what: 'the job to have written',
    });
    assert.deepEqual(await committed(asyncId), []);
    await openGate(system, 'post');
    await system.ended(asyncId);
    assert.deepEqual(await committed(asyncId), ['waits 1']);
  });

  test('a job that ignores a failed statement fails, because its transaction cannot commit', async () => {
    const { asyncId, results } = await resultsOf([
      workJob('post', { name: 'broken', breaks: true }),
      workJob('post', { name: 'good' }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts }) => `${status} ${attempts}`),
      ['failed 2', 'succeeded 1'],
    );
    assert.match(results[0].response.message, /a statement of the action failed/);
    assert.deepEqual(await committed(asyncId), ['good 1']);
  });

  test('a job that two messages run at once takes effect once', async () => {
    const asyncId = await system.run([workJob('post', { name: 'twice', gate: 'twice' })]);
    const queue = await startQueue({
      url: system.databaseUrl,
      queues: ['default'],
      applicationName: 'test',
      max: 2,
      log: silentLog,
    });
    const message = { batch: toBatchId(asyncId), chunk: 0, generation: 1, attempt: 1 };
    await transaction(system.pool, (client) => queue.sendChunks(client, 'default', [message]));
    await queue.stop();
    await waitFor(async () => (await openTransactions()) === 2, { what: 'both runs to have written' });
    await openGate(system, 'twice');
    await system.ended(asyncId);
    await messagesDone(asyncId);
    assert.deepEqual(await committed(asyncId), ['twice 1']);
    assert.equal((await system.results(asyncId)).length, 1);
  });

  /** Transactions of other connections that have written something. */
  async function openTransactions(): Promise<number> {
    const { rows } = await system.pool.query(
      'select count(*) as open from pg_stat_activity where datname = current_database() and backend_xid is not null',
    );
    return rows[0].open;
  }

  async function messagesDone(asyncId: string): Promise<void> {
    await waitFor(
      async () => {
        const { rows } = await system.pool.query(
          `select from pgboss.job where data->>'batch' = $1 and state <= 'active'`,
          [toBatchId(asyncId)],
        );
        return rows.length === 0;
      },
      { what: 'both messages to be completed' },
    );
  }
});

describe('transactional runMany', () => {
  test('many jobs commit together with their results', async () => {
    const names = numbers(50).map((n) => `entry ${n}`);
    const { asyncId, results } = await resultsOf(names.map((name) => workJob('postMany', { name })));
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [status, attempts, response.together]),
      names.map(() => ['succeeded', 1, 50]),
    );
    assert.deepEqual(
      await committed(asyncId),
      names.map((name) => `${name} 1`),
    );
  });

  test('when one job of a transactional runMany fails, they run one by one and the failed one leaves nothing', async () => {
    const { asyncId, results } = await resultsOf([
      workJob('postMany', { name: 'first' }),
      workJob('postMany', { name: 'again', failures: 1 }),
      workJob('postMany', { name: 'fatal', fatal: true }),
      workJob('postMany', { name: 'last' }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [
        status,
        attempts,
        response.together ?? response.message,
      ]),
      [
        ['succeeded', 1, 1],
        ['succeeded', 2, 1],
        ['failed', 1, 'never fatal'],
        ['succeeded', 1, 1],
      ],
    );
    assert.deepEqual(await committed(asyncId), ['first 1', 'again 2', 'last 1']);
  });

  test('a failing statement of transactional runMany fails the whole group, and then only its own job', async () => {
    const { asyncId, counts } = await resultsOf([
      workJob('postMany', { name: 'first' }),
      workJob('postMany', { name: 'broken', breaks: true }),
      workJob('postMany', { name: 'last' }),
    ]);
    assert.deepEqual({ succeeded: counts.succeeded, failed: counts.failed }, { succeeded: 2, failed: 1 });
    assert.deepEqual(await committed(asyncId), ['first 1', 'last 1']);
  });

  test('with failsAlone, a job that fails for good fails alone and the others commit together', async () => {
    const { asyncId, results, counts } = await resultsOf([
      workJob('postSome', { name: 'first' }),
      workJob('postSome', { name: 'fatal', fatal: true }),
      workJob('postSome', { name: 'last' }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [
        status,
        attempts,
        response.together ?? response.message,
      ]),
      [
        ['succeeded', 1, 3],
        ['failed', 1, 'never fatal'],
        ['succeeded', 1, 3],
      ],
    );
    assert.deepEqual([counts.succeeded, counts.failed], [2, 1]);
    assert.deepEqual(await committed(asyncId), ['first 1', 'last 1']);
  });

  test('with failsAlone, a job that may run again makes the jobs run one by one', async () => {
    const { asyncId, results } = await resultsOf([
      workJob('postSome', { name: 'first' }),
      workJob('postSome', { name: 'again', failures: 1 }),
      workJob('postSome', { name: 'fatal', fatal: true }),
    ]);
    assert.deepEqual(
      results.map(({ status, attempts, response }) => [status, attempts, response.together ?? null]),
      [
        ['succeeded', 1, 1],
        ['succeeded', 2, 1],
        ['failed', 1, null],
      ],
    );
    assert.deepEqual(await committed(asyncId), ['first 1', 'again 2']);
  });
});
