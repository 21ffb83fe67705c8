import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { Running } from '../../../src/app/running.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { QuarantineOptions } from '../../../src/worker/quarantine/parent.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../../pipeline/work-jobs.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

/** Jobs beside those that end their process. */
const NEIGHBOURS = 20;
/** A process starts for each of its ends; only a failing test waits this long. */
const TIMEOUT_MS = 180_000;

const system = await startSystem({ after }, { worker: false });

let worker: Running | undefined;
/** This worker alone takes messages. */
async function startWorker(quarantine?: QuarantineOptions): Promise<void> {
  await worker?.drain();
  worker = await system.addWorker(quarantine);
}

/** As if the worker that had the batch's message had died of it. */
async function leaveClaimed(asyncId: string): Promise<void> {
  const { rowCount } = await system.pool.query(
    `update pgboss.job set started_on = now() where name = 'jobs.default' and group_id = $1`,
    [toBatchId(asyncId)],
  );
  assert.equal(rowCount, 1);
}

test('a job that ends its worker and three processes fails with the reason, and the others succeed', async () => {
  const dying = await system.forkWorker();
  const died = once(dying, 'exit');
  const after = (when: string, job: string) => ({ ...workJob('attempt'), dependsOn: [{ job, when }] });
  const asyncId = await system.run([
    { id: 'innocent', ...workJob('die', { times: 2 }) },
    ...echoJobs(NEIGHBOURS),
    { id: 'guilty', ...workJob('die', { times: 99 }) },
    after('succeeded', 'innocent'),
    after('failed', 'guilty'),
    after('succeeded', 'guilty'),
  ]);
  assert.deepEqual(await died, [3, null]);
  await startWorker();
  const { counts } = await system.ended(asyncId, TIMEOUT_MS);
  assert.deepEqual([counts.succeeded, counts.failed, counts.skipped], [NEIGHBOURS + 3, 1, 1]);
  const results = await system.results(asyncId);
  const dependents = results.splice(-3);
  assert.deepEqual(
    dependents.map(({ status }) => status),
    ['succeeded', 'succeeded', 'skipped'],
  );
  const [innocent, guilty] = [results[0], results.at(-1)];
  // Its result is recorded before the next job is tried.
  assert.deepEqual([innocent.status, innocent.response], ['succeeded', { runs: 3 }]);
  assert.deepEqual([guilty.status, guilty.attempts], ['failed', 3]);
  assert.deepEqual(guilty.response, {
    errorCode: 500,
    message: 'the job ended its process (exit code 3), 3 times',
  });
  for (const { status, attempts } of results.slice(1, -1))
    assert.deepEqual([status, attempts], ['succeeded', 1]);
  // The guilty job ran beside others once, and then three times alone.
  const runs = Map.groupBy(await entriesOf(system, asyncId), ({ index }) => index);
  assert.deepEqual([runs.get(0)?.length, runs.get(NEIGHBOURS + 1)?.length], [3, 4]);
});

test('a job that waits for its retry does not run again when another job ends the process', async () => {
  await worker?.drain();
  const failing = workJob('attempt', { gate: 'alone', failures: 1, retryInSeconds: 3600 });
  const asyncId = await system.run([failing, workJob('die', { times: 2, beside: 0 })]);
  await leaveClaimed(asyncId);
  await startWorker();
  // The other job does not fail before the harmful one has ended the process that both share.
  await waitFor(async () => (await entriesOf(system, asyncId)).length > 2, {
    what: 'a job to be tried alone',
    timeoutMs: TIMEOUT_MS,
  });
  await openGate(system, 'alone');
  await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 1, {
    what: 'the harmful job to end',
    timeoutMs: TIMEOUT_MS,
  });
  // The result of a job that was tried alone is recorded before its message ends.
  const [message] = await waitFor(
    async () => {
      const { rows } = await system.pool.query(
        `select name, data->'indexes' as indexes from pgboss.job where group_id = $1 and state <= 'active'`,
        [toBatchId(asyncId)],
      );
      return rows.length === 1 && rows;
    },
    { what: 'the message of the retry to be the only one' },
  );
  assert.deepEqual(message, { name: 'jobs.default', indexes: '[0]' });
  // Both ran together, and then alone: the harmful job in two processes, the other one in the first of them.
  const runs = (await entriesOf(system, asyncId)).map(({ index, attempt }) => `${index} ${attempt}`);
  assert.deepEqual(runs.toSorted(), ['0 1', '0 1', '1 1', '1 1', '1 1']);
});

test('jobs that block the event loop, use up the memory or throw out of turn fail, each with its reason', async () => {
  await worker?.drain();
  const harms = ['block', 'memory', 'throw'];
  const asyncId = await system.run([
    ...echoJobs(NEIGHBOURS),
    ...harms.map((how) => workJob('harm', { how })),
  ]);
  await leaveClaimed(asyncId);
  await startWorker({ maxKills: 1, limits: { blockedSeconds: 2, rssBytes: 400 * 1024 ** 2 } });
  const { counts } = await system.ended(asyncId, TIMEOUT_MS);
  assert.deepEqual([counts.succeeded, counts.failed], [NEIGHBOURS, harms.length]);
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.slice(NEIGHBOURS).map(({ response }) => response.message),
    [
      'the job blocked the event loop of its process, 1 times',
      'the job exhausted the memory of its process, 1 times',
      'the job threw an uncaught exception (oops), 1 times',
    ],
  );
  for (const { status, attempts } of results.slice(0, NEIGHBOURS))
    assert.deepEqual([status, attempts], ['succeeded', 1]);
});
