import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { makeHome, type Site } from '../../main/product.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../../pipeline/work-jobs.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

/** Its watchdogs have shorter limits than production's; watchdog.test.ts tests those. */
const STRICT_WORKER = resolve(import.meta.dirname, 'strict-worker.ts');
const NEIGHBOURS = 1000;
/** The position of the harmful job among them. */
const PLACE = 500;
/** An answer that waited for a harmful job would take longer. */
const ANSWER_MS = 5000;

const REASONS = {
  exit: 'the job ended its process (exit code 3), 3 times',
  block: 'the job blocked the event loop of its process, 3 times',
  memory: 'the job exhausted the memory of its process, 3 times',
  throw: 'the job threw an uncaught exception (oops), 3 times',
};
type Harm = keyof typeof REASONS;

type Api = Pick<Site, 'rpc' | 'run'> & { results(asyncId: string): ReturnType<Site['results']> };

function jobsAround(how: Harm): object[] {
  const neighbours = echoJobs(NEIGHBOURS);
  return [...neighbours.slice(0, PLACE), workJob('harm', { how }), ...neighbours.slice(PLACE)];
}

async function progress(api: Api, asyncId: string) {
  const { status, body } = await api.rpc('progress', { async: asyncId });
  assert.equal(status, 200);
  return body;
}

/** Runs a batch around each harm; checks the results, and that the API answers meanwhile. */
async function assertSetApart(api: Api, harms: Harm[]): Promise<void> {
  const harmful = new Map<string, Harm>();
  for (const how of harms) harmful.set(await api.run(jobsAround(how)), how);
  let slowestMs = 0;
  await waitFor(
    async () => {
      const states: string[] = [];
      for (const asyncId of harmful.keys()) {
        const askedAt = performance.now();
        states.push((await progress(api, asyncId)).state);
        slowestMs = Math.max(slowestMs, performance.now() - askedAt);
      }
      return states.every((state) => state === 'completed');
    },
    { what: 'the batches to end', timeoutMs: 180_000, everyMs: 250 },
  );
  assert.ok(slowestMs < ANSWER_MS, `the API answered within ${Math.round(slowestMs)} ms`);

  for (const [asyncId, how] of harmful) {
    const { counts } = await progress(api, asyncId);
    assert.deepEqual(
      { succeeded: counts.succeeded, failed: counts.failed },
      { succeeded: NEIGHBOURS, failed: 1 },
    );
    const results = await api.results(asyncId);
    const { status, attempts, response } = results[PLACE];
    assert.deepEqual(
      { status, attempts, response },
      { status: 'failed', attempts: 3, response: { errorCode: 500, message: REASONS[how] } },
    );
    assert.ok(
      results.every(
        (result, index) => index === PLACE || (result.status === 'succeeded' && result.attempts === 1),
      ),
    );
  }
}

suite('jobs that end their process fail with the reason, other jobs succeed, and the API answers', {
  concurrency: true,
  timeout: 200_000,
}, () => {
  test('jobs that end their process, while npm start replaces the worker', async (t) => {
    const home = await makeHome(t);
    const product = home.start({ LOG_LEVEL: 'fatal' });
    await assertSetApart(await product.ready(), ['exit', 'throw']);
    product.signalAll('SIGTERM');
    assert.deepEqual(await product.exited, { code: 0, signal: null });
    assert.deepEqual(await home.processes(), []);
  });

  test('a job that ended one process only is not blamed for the one that the next job ends', async (t) => {
    const system = await startSystem(t, { worker: false });
    const asyncId = await system.run([workJob('die', { times: 1 }), workJob('die', { times: 99 })]);
    // As if a worker had died of it.
    await system.pool.query(`update pgboss.job set started_on = now() where name = 'jobs.default'`);
    await system.forkWorker();
    const { counts } = await system.ended(asyncId, 120_000);
    assert.deepEqual([counts.succeeded, counts.failed], [1, 1]);
    const [innocent, guilty] = await system.results(asyncId);
    // Its result is recorded before the next job is tried.
    assert.deepEqual([innocent.status, innocent.response], ['succeeded', { runs: 2 }]);
    assert.deepEqual(guilty.response, { errorCode: 500, message: REASONS.exit });
    // The guilty job ran beside others once, and then three times alone.
    const runs = Map.groupBy(await entriesOf(system, asyncId), ({ index }) => index);
    assert.deepEqual([runs.get(0)?.length, runs.get(1)?.length], [2, 4]);
  });

  test('a job that waits for its retry does not run again when another job ends the process', async (t) => {
    const system = await startSystem(t, { worker: false });
    const failing = workJob('attempt', { gate: 'alone', failures: 1, retryInSeconds: 3600 });
    const asyncId = await system.run([failing, workJob('die', { times: 2 })]);
    await system.pool.query(`update pgboss.job set started_on = now() where name = 'jobs.default'`);
    await system.forkWorker();
    // The other job does not fail before the harmful one has ended the process that both share.
    await waitFor(async () => (await entriesOf(system, asyncId)).length > 2, {
      what: 'a job to be tried alone',
      timeoutMs: 60_000,
    });
    await openGate(system, 'alone');
    await waitFor(async () => (await progress(system, asyncId)).counts.succeeded === 1, {
      what: 'the harmful job to end',
      timeoutMs: 120_000,
    });
    // Both ran together, and then alone: the harmful job in two processes, the other one in the first of them.
    const runs = (await entriesOf(system, asyncId)).map(({ index, attempt }) => `${index} ${attempt}`);
    assert.deepEqual(runs.toSorted(), ['0 1', '0 1', '1 1', '1 1', '1 1']);
    const { rows } = await system.pool.query(
      `select name, data->'indexes' as indexes from pgboss.job where group_id = $1 and state <= 'active'`,
      [toBatchId(asyncId)],
    );
    assert.deepEqual(rows, [{ name: 'jobs.default', indexes: '[0]' }]);
  });

  test('jobs that block the event loop or use up the memory', async (t) => {
    const system = await startSystem(t, { worker: false });
    // Each of the two batches takes down one worker at most: two are left to quarantine them concurrently.
    await Promise.all([1, 2, 3, 4].map(() => system.forkWorker({}, STRICT_WORKER)));
    await assertSetApart(system, ['block', 'memory']);
  });
});
