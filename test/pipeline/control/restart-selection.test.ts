/** A restart of selected jobs: which of them run, and what becomes of the others. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { newResultWalk } from '../../../src/pipeline/settle/lost-results.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { type System, startSystem } from '../../support/system.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });

const failing = (errorCode: number, message = 'no') =>
  workJob('attempt', { failures: 99, fatal: true, errorCode, message });

/** Index 0 succeeds, the others fail with 503, 404, 503 and 500. */
const JOBS = [...echoJobs(1), failing(503), failing(404), failing(503, 'a\u0000b \ud800'), failing(500)];

async function ended(jobs: object[] = JOBS, more: object = {}): Promise<string> {
  const asyncId = await system.run(jobs, more);
  await system.ended(asyncId);
  return asyncId;
}

async function restart(asyncId: string, selection: object = {}, of: System = system): Promise<boolean> {
  const { status, body } = await of.rpc('restart', { async: asyncId, ...selection });
  assert.equal(status, 200, JSON.stringify(body));
  return body.restarted;
}

/** How often each job ran. */
async function runs(asyncId: string, of: System = system): Promise<Record<number, number>> {
  const entries = await entriesOf(of, asyncId);
  return Object.fromEntries(
    Object.entries(Object.groupBy(entries, ({ index }) => index)).map(([index, list = []]) => [
      index,
      list.length,
    ]),
  );
}

describe('the selected jobs run again, and only these', () => {
  for (const [selection, again] of [
    [{}, [1, 2, 3, 4]],
    [{ indexes: [2] }, [2]],
    [{ indexes: [4, 1, 4] }, [1, 4]],
    [{ indexes: [0, 3] }, [3]],
    [{ errorCode: 503 }, [1, 3]],
    [{ errorCode: '404' }, [2]],
    [{ status: ['failed'] }, [1, 2, 3, 4]],
    [{ status: 'failed', errorCode: 500 }, [4]],
    [{ status: ['failed', 'skipped'], errorCode: 503 }, [1, 3]],
  ] as [object, number[]][])
    test(`a restart with ${JSON.stringify(selection)} runs the jobs ${again}`, async () => {
      const asyncId = await ended();
      const before = await system.results(asyncId);
      assert.equal(await restart(asyncId, selection), true);
      const { state, counts } = await system.ended(asyncId);
      assert.equal(state, 'completed');
      assert.deepEqual(counts, {
        total: 5,
        pending: 0,
        waiting: 0,
        running: 0,
        succeeded: 1,
        failed: 4,
        cancelled: 0,
        skipped: 0,
      });
      for (const index of [1, 2, 3, 4])
        assert.equal((await runs(asyncId))[index], again.includes(index) ? 2 : 1, `job ${index}`);
      const results = await system.results(asyncId);
      const changed = results.filter(({ finishedAt }, index) => finishedAt !== before[index].finishedAt);
      assert.deepEqual(
        changed.map(({ index }) => index),
        again,
      );
    });

  for (const selection of [
    { indexes: [] },
    { indexes: [0] },
    { status: [] },
    { status: ['cancelled'] },
    { status: ['skipped'] },
    { errorCode: 502 },
    { status: ['cancelled', 'skipped'], errorCode: 503 },
  ])
    test(`a restart with ${JSON.stringify(selection)} selects no job and is false`, async () => {
      const asyncId = await ended();
      const before = await system.results(asyncId);
      assert.equal(await restart(asyncId, selection), false);
      assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'completed');
      assert.deepEqual(await system.results(asyncId), before);
    });

  test('/v1/batches/{asyncId}/restart with a selection is 202 with the batch', async () => {
    const asyncId = await ended();
    const post = (selection: object) =>
      system.request(`/v1/batches/${asyncId}/restart`, { method: 'POST', body: JSON.stringify(selection) });
    const nothing = await post({ errorCode: 599 });
    assert.deepEqual([nothing.status, nothing.body.state], [202, 'completed']);
    const { status, body } = await post({ status: ['failed'], errorCode: 404 });
    assert.equal(status, 202);
    assert.equal(body.asyncId, asyncId);
    await system.ended(asyncId);
    assert.equal((await post({ indexes: [2, 4] })).status, 202);
    await system.ended(asyncId);
    assert.deepEqual(await runs(asyncId), { 1: 1, 2: 3, 3: 1, 4: 2 });
  });

  test('the callback is sent again at the end, with the results of all jobs', async () => {
    const receiver = await startReceiver({ after });
    const asyncId = await ended(JOBS, { callbackUrl: receiver.url });
    await receiver.received(1);
    assert.equal(await restart(asyncId, { errorCode: 404 }), true);
    const [first, second] = await receiver.received(2);
    assert.notEqual(second?.id, first?.id, 'another completion has another webhook-id');
    const { results, counts } = JSON.parse(String(second?.body));
    assert.deepEqual([results.length, counts.failed], [5, 4]);
  });

  test('a job that skipInvalid let pass never runs, also when its index is selected', async () => {
    const asyncId = await ended([...echoJobs(1), { namespace: 'test', action: 'nope', params: {} }], {
      options: { skipInvalid: true },
    });
    assert.equal(await restart(asyncId, { indexes: [1] }), false);
  });

  test('in a batch of several chunks, jobs are selected by their index in the batch', async () => {
    const asyncId = await ended([...echoJobs(2500), failing(503), ...echoJobs(100), failing(503)]);
    assert.equal(await restart(asyncId, { indexes: [2601] }), true);
    const { counts } = await system.ended(asyncId);
    assert.deepEqual([counts.succeeded, counts.failed], [2600, 2]);
    assert.deepEqual(await runs(asyncId), { 2500: 1, 2601: 2 });
  });
});

test('cancelled jobs are selected by their status', async (t) => {
  const own = await startSystem(t, { worker: false });
  const asyncId = await own.run(JOBS);
  const worker = await own.addWorker();
  await own.ended(asyncId);
  await worker.drain();
  assert.equal(await restart(asyncId, { indexes: [1, 2] }, own), true);
  assert.deepEqual((await own.rpc('cancel', { async: asyncId })).body, { cancelled: true });
  await own.addWorker();
  const cancelled = await own.ended(asyncId);
  assert.equal(cancelled.state, 'cancelled');
  assert.deepEqual([cancelled.counts.failed, cancelled.counts.cancelled], [2, 2]);

  assert.equal(await restart(asyncId, { status: ['cancelled'], errorCode: 503 }, own), false);
  assert.equal(await restart(asyncId, { indexes: [3] }, own), true);
  const { state, counts } = await own.ended(asyncId);
  assert.deepEqual([state, counts.failed, counts.cancelled], ['completed', 2, 2]);
  assert.equal(await restart(asyncId, { status: ['cancelled'] }, own), true);
  assert.deepEqual((await own.ended(asyncId)).counts.cancelled, 0);
  assert.deepEqual(await runs(asyncId, own), { 1: 2, 2: 2, 3: 2, 4: 1 });
});

describe('beside other work on the batch', () => {
  test('one of two restarts at once wins, and only its selection runs', async () => {
    const asyncId = await ended();
    const selections = [{ indexes: [1] }, { indexes: [2] }];
    const won = await Promise.all(selections.map((selection) => restart(asyncId, selection)));
    assert.equal(won.filter(Boolean).length, 1);
    await system.ended(asyncId);
    assert.deepEqual(await runs(asyncId), { 1: won[0] ? 2 : 1, 2: won[1] ? 2 : 1, 3: 1, 4: 1 });
  });

  test('a restart is false while selected jobs still run', async () => {
    const gated = workJob('attempt', { gate: 'selected', failures: 99, fatal: true });
    const asyncId = await system.run([gated, failing(503)]);
    assert.equal(await restart(asyncId, { indexes: [1] }), false);
    await openGate(system, 'selected');
    assert.equal((await system.ended(asyncId)).counts.failed, 2);
  });

  test('the sweep sends a lost message again, and it runs only the selected jobs', async (t) => {
    const own = await startSystem(t, { worker: false });
    const { deps } = await startClaiming(t, own);
    const sweepNow = () =>
      sweep({ ...deps, queues: own.registry.queues }, { minAgeSeconds: 0, walk: newResultWalk() });
    const asyncId = await own.run(JOBS);
    const worker = await own.addWorker();
    await own.ended(asyncId);
    await worker.drain();
    await Promise.all([restart(asyncId, { errorCode: 503 }, own), sweepNow()]);
    await own.pool.query(`delete from pgboss.job where state = 'created'`);
    await sweepNow();
    await own.addWorker();
    const { counts } = await own.ended(asyncId);
    assert.deepEqual(counts, {
      total: 5,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 1,
      failed: 4,
      cancelled: 0,
      skipped: 0,
    });
    assert.deepEqual(await runs(asyncId, own), { 1: 2, 2: 1, 3: 2, 4: 1 });
  });
});
