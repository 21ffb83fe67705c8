/** A retry leaves its chunk at once: it does not wait for the other jobs. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });

const failing = (failures = 1) => workJob('attempt', { failures });
const gated = (gate: string) => workJob('attempt', { gate });

function runsOf(of: System, asyncId: string, index: number, count: number) {
  return waitFor(
    async () => {
      const runs = (await entriesOf(of, asyncId)).filter((entry) => entry.index === index);
      return runs.length === count && runs.map(({ attempt }) => attempt);
    },
    { what: `${count} runs of job ${index}` },
  );
}

async function messagesOf(of: System, asyncId: string) {
  const { rows } = await of.pool.query<{ state: string; indexes: string; attempt: number }>(
    `select state, data->'indexes' as indexes, (data->>'attempt')::int as attempt
     from pgboss.job where group_id = $1 and state <= 'active' order by created_on`,
    [toBatchId(asyncId)],
  );
  return rows.map(({ indexes, ...row }) => ({ ...row, indexes: JSON.parse(indexes) }));
}

test('a retry runs while another job of its chunk still runs, and both have one result', async () => {
  const asyncId = await system.run([failing(2), gated('beside')]);
  assert.deepEqual(await runsOf(system, asyncId, 0, 3), [1, 2, 3]);
  const [first, ...others] = await waitFor(
    async () => {
      const messages = await messagesOf(system, asyncId);
      return messages.length === 1 && messages;
    },
    { what: 'the end of the last retry' },
  );
  assert.deepEqual([first, others], [{ state: 'active', indexes: [1], attempt: 1 }, []]);
  const { counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([counts.succeeded, counts.running], [1, 1]);
  await openGate(system, 'beside');
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ status, attempts }) => `${status} ${attempts}`),
    ['succeeded 3', 'succeeded 1'],
  );
  assert.equal((await entriesOf(system, asyncId)).length, 4);
});

test('a job that waits for its retry is pending, and its batch runs', async () => {
  const later = workJob('attempt', { failures: 1, retryInSeconds: 3600 });
  const asyncId = await system.run([later, gated('pending')]);
  const messages = await waitFor(
    async () => {
      const now = await messagesOf(system, asyncId);
      return now.length === 2 && now;
    },
    { what: 'the retry to leave' },
  );
  assert.deepEqual(messages, [
    { state: 'active', indexes: [1], attempt: 1 },
    { state: 'created', indexes: [0], attempt: 2 },
  ]);
  await waitFor(
    async () => {
      const { state, counts } = (await system.rpc('progress', { async: asyncId })).body;
      return state === 'running' && counts.pending === 1 && counts.running === 1;
    },
    { what: 'one pending and one running job' },
  );
  // A cancel does not wait for the retry's time, nor for the running job.
  await system.rpc('cancel', { async: asyncId });
  const counts = await waitFor(
    async () => {
      const now = (await system.rpc('progress', { async: asyncId })).body.counts;
      return now.cancelled === 1 && now;
    },
    { what: 'the waiting job to be cancelled' },
  );
  assert.equal(counts.running, 1);
  await openGate(system, 'pending');
  assert.equal((await system.ended(asyncId)).state, 'cancelled');
  const [cancelled, succeeded] = await system.results(asyncId);
  assert.deepEqual([cancelled.status, cancelled.attempts], ['cancelled', 1]);
  assert.deepEqual([succeeded.status, succeeded.attempts], ['succeeded', 1]);
});

test('a retry gets a slot although its own batch has jobs left that wait for one', async () => {
  const count = 30;
  const asyncId = await system.run([
    failing(),
    ...Array.from({ length: count }, (_, n) => gated(`slot ${n}`)),
  ]);
  const runs = () => entriesOf(system, asyncId);
  let opened = 0;
  const isRetried = async () => (await runs()).some(({ attempt }) => attempt === 2);
  for (; opened < count && !(await isRetried()); opened++) {
    // The jobs that were not started return to the queue, because the retry waits there.
    await waitFor(
      async () =>
        (await isRetried()) ||
        (await messagesOf(system, asyncId)).some(
          ({ state, indexes }) => state === 'created' && indexes?.includes(count),
        ),
      { what: 'the rest to go back' },
    );
    const started = (await runs()).length;
    await openGate(system, `slot ${opened}`);
    await waitFor(async () => (await runs()).length > started, { what: 'the next job' });
  }
  assert.ok(await isRetried(), 'the retry ran before the last jobs of its batch started');
  for (; opened < count; opened++) await openGate(system, `slot ${opened}`);
  assert.equal((await system.ended(asyncId)).counts.succeeded, count + 1);
  assert.equal((await runs()).length, count + 2, 'each job ran once, and one twice');
});

const refused = (refusals: number, seconds: number, more: object = {}) =>
  workJob('refused', { refusals, seconds, ...more });

const WAITS_REFUSED = `group_id = $1 and state = 'created' and data ? 'throttledSince'`;

/** How many messages of refused jobs wait. */
async function waitingRefused(asyncId: string): Promise<number | null> {
  const { rowCount } = await system.pool.query(`select from pgboss.job where ${WAITS_REFUSED}`, [
    toBatchId(asyncId),
  ]);
  return rowCount;
}

async function resultsOf(asyncId: string) {
  await system.ended(asyncId);
  return system.results(asyncId);
}

test('a refused job runs again after the pause, and the run is not charged', async () => {
  // One retry is allowed: the job needs it for the run that fails.
  const asyncId = await system.run([refused(3, 0.3, { failures: 1 }), gated('refused')]);
  assert.deepEqual(await runsOf(system, asyncId, 0, 5), [1, 1, 1, 1, 2]);
  await openGate(system, 'refused');
  const [{ status, attempts, response }] = await resultsOf(asyncId);
  assert.deepEqual([status, attempts, response], ['succeeded', 2, { attempt: 2 }]);
  const times = (await entriesOf(system, asyncId))
    .filter(({ index }) => index === 0)
    .map(({ at }) => Number(at));
  for (const [at, time] of times.slice(1, 4).entries())
    assert.ok(time - (times[at] ?? 0) >= 300, `${time - (times[at] ?? 0)} ms`);
});

test('a refused job is pending, its batch runs, and a cancel ends it at once as never run', async () => {
  const asyncId = await system.run([refused(1, 3600)]);
  await waitFor(async () => (await waitingRefused(asyncId)) === 1, { what: 'the job to go back' });
  const { state, counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([state, counts.pending, counts.running], ['running', 1, 0]);
  await system.rpc('cancel', { async: asyncId });
  const [{ status, attempts, response }] = await resultsOf(asyncId);
  assert.deepEqual([status, attempts, response], ['cancelled', 0, null]);
});

test('a job that was refused for an hour fails with 429', async () => {
  const asyncId = await system.run([refused(9, 1800)]);
  await waitFor(async () => (await waitingRefused(asyncId)) === 1, { what: 'the job to go back' });
  // As if the first refusal had been half an hour and a second ago.
  await system.pool.query(
    `update pgboss.job set start_after = now(), data = jsonb_set(data, '{throttledSince}',
       to_jsonb((data->>'throttledSince')::float8 - 1801000)) where ${WAITS_REFUSED}`,
    [toBatchId(asyncId)],
  );
  const [{ status, attempts, response }] = await resultsOf(asyncId);
  assert.deepEqual([status, attempts, response], ['failed', 1, { errorCode: 429, message: 'slow down' }]);
  assert.equal((await entriesOf(system, asyncId)).length, 2);
});

test('a job that is refused for more than an hour fails at once', async () => {
  const asyncId = await system.run([refused(9, 3601), refused(0, 1)]);
  const results = await resultsOf(asyncId);
  assert.deepEqual(
    results.map(({ status, response }) => [status, response.errorCode]),
    [
      ['failed', 429],
      ['succeeded', undefined],
    ],
  );
});

test('refusals among the answers of runMany are for their jobs, and one that it throws is for all', async () => {
  const many = (refusals: number, more: object = {}) =>
    workJob('refusedMany', { refusals, seconds: 0.2, ...more });
  const each = await system.run([many(0), many(2), many(1)]);
  const whole = await system.run([many(1, { whole: true }), many(0), many(0)]);
  for (const asyncId of [each, whole])
    assert.deepEqual(
      (await resultsOf(asyncId)).map(({ status, attempts }) => `${status} ${attempts}`),
      Array(3).fill('succeeded 1'),
    );
  const runsIn = async (asyncId: string) =>
    (await entriesOf(system, asyncId)).map(({ index, name }) => `${index} ${name}`);
  assert.deepEqual((await runsIn(each)).toSorted(), [
    '0 with 3',
    '1 with 1',
    '1 with 2',
    '1 with 3',
    '2 with 2',
    '2 with 3',
  ]);
  // Nobody else is asked after the first refusal; then all run together again.
  assert.deepEqual(await runsIn(whole), ['0 with 3', '0 with 3', '1 with 3', '2 with 3']);
});
