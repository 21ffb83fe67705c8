/** Rows deleted by hand: a batch never counts missing results. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { newResultWalk } from '../../../src/pipeline/settle/lost-results.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });
const { pool } = system;
const { deps } = await startClaiming({ after }, system);

function sweepNow(walk = newResultWalk()): Promise<void> {
  return sweep({ ...deps, queues: system.registry.queues }, { minAgeSeconds: 0, walk });
}

async function ended(count: number, more: object = {}): Promise<string> {
  const asyncId = await system.run(echoJobs(count), more);
  await system.ended(asyncId);
  return asyncId;
}

function deleteResults(asyncId: string, indexes: readonly number[]): Promise<unknown> {
  return pool.query('delete from batchwright.result where batch_id = $1 and index = any($2)', [
    toBatchId(asyncId),
    indexes,
  ]);
}

/** The state, the succeeded and failed jobs by counters and by results, and the lost ones. */
async function viewOf(asyncId: string) {
  const { state, counts } = (await system.rpc('progress', { async: asyncId })).body;
  const results = await system.results(asyncId);
  const of = (status: string) => results.filter((result) => result.status === status).length;
  assert.deepEqual([of('succeeded'), of('failed')], [counts.succeeded, counts.failed]);
  const lost = results
    .filter(({ response }) => response?.message === 'the result was lost')
    .map(({ index, response, attempts }) => [index, response.errorCode, attempts]);
  return { state, succeeded: counts.succeeded, failed: counts.failed, pending: counts.pending, lost };
}

describe('results deleted after the end', () => {
  test('deleted results become failed ones for callers, and a restart runs their jobs again', async () => {
    const asyncId = await ended(60);
    await deleteResults(asyncId, [7, 30, 59]);
    await sweepNow();
    const lost = [7, 30, 59].map((index) => [index, 500, 0]);
    assert.deepEqual(await viewOf(asyncId), {
      state: 'completed',
      succeeded: 57,
      failed: 3,
      pending: 0,
      lost,
    });
    assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, true);
    await system.ended(asyncId);
    assert.deepEqual(await viewOf(asyncId), {
      state: 'completed',
      succeeded: 60,
      failed: 0,
      pending: 0,
      lost: [],
    });
  });

  test('deleted results are run again by a restart that comes before the sweep', async () => {
    const asyncId = await ended(5);
    await deleteResults(asyncId, [0, 4]);
    assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, true);
    await system.ended(asyncId);
    assert.deepEqual(await viewOf(asyncId), {
      state: 'completed',
      succeeded: 5,
      failed: 0,
      pending: 0,
      lost: [],
    });
    assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, false);
  });

  test('all results may be deleted, and the repeated callback reports them as failed', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await ended(3, { callbackUrl: receiver.url });
    await receiver.received(1);
    await deleteResults(asyncId, [0, 1, 2]);
    await sweepNow();
    assert.equal((await viewOf(asyncId)).failed, 3);
    await system.rpc('repost', { async: asyncId });
    const [, second] = await receiver.received(2);
    const { counts, results } = JSON.parse(second?.body ?? '');
    assert.deepEqual([counts.succeeded, counts.failed, results.length], [0, 3, 3]);
  });

  test('deleted results are found in any batch, among many that are in order', async () => {
    const first = await ended(2);
    const walk = newResultWalk();
    await Promise.all(Array.from({ length: 20 }, () => ended(1)));
    await deleteResults(first, [1]);
    await sweepNow(walk);
    assert.deepEqual((await viewOf(first)).lost, [[1, 500, 0]]);
    await deleteResults(first, [0]);
    await sweepNow(walk);
    assert.equal((await viewOf(first)).failed, 2);
  });
});

test('results deleted while the batch runs are failed ones after its end', async () => {
  const asyncId = await system.run([...echoJobs(3), workJob('attempt', { gate: 'deleted' })]);
  await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 3, {
    what: 'three results',
  });
  await deleteResults(asyncId, [1]);
  await sweepNow();
  await openGate(system, 'deleted');
  await system.ended(asyncId);
  await waitFor(
    async () => {
      await sweepNow();
      return (await viewOf(asyncId)).failed === 1;
    },
    { what: 'the lost result' },
  );
  assert.deepEqual((await viewOf(asyncId)).lost, [[1, 500, 0]]);
});

test('jobs that still run are not lost results, when the batch was ended by hand', async () => {
  const asyncId = await system.run([...echoJobs(2), workJob('attempt', { gate: 'ended early' })]);
  await waitFor(async () => (await entriesOf(system, asyncId)).length === 1, { what: 'the job to run' });
  await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 2, {
    what: 'two results',
  });
  await pool.query(
    `update batchwright.batch set state = 'completed', succeeded = 3, finished_at = now() where id = $1`,
    [toBatchId(asyncId)],
  );
  await sweepNow();
  const statuses = async () => {
    const { rows } = await pool.query(
      'select status from batchwright.result where batch_id = $1 order by index',
      [toBatchId(asyncId)],
    );
    return rows.map(({ status }) => status);
  };
  assert.deepEqual(await statuses(), ['succeeded', 'succeeded']);
  await openGate(system, 'ended early');
  await waitFor(async () => (await statuses()).length === 3, { what: 'the third result' });
  assert.deepEqual(await statuses(), ['succeeded', 'succeeded', 'succeeded']);
});

describe('chunks deleted by hand', () => {
  test('deleting a chunk deletes the requests but keeps the results', async () => {
    const asyncId = await ended(1500);
    await pool.query('delete from batchwright.chunk where batch_id = $1 and number = 0', [
      toBatchId(asyncId),
    ]);
    const results = await system.results(asyncId);
    assert.equal(results.length, 1500);
    assert.deepEqual(
      [999, 1000].map((index) => [results[index].index, results[index].request, results[index].response]),
      [
        [999, null, { n: 999 }],
        [1000, { n: 1000 }, { n: 1000 }],
      ],
    );
    await pool.query('delete from batchwright.chunk where batch_id = $1', [toBatchId(asyncId)]);
    assert.equal((await system.results(asyncId)).at(-1).request, null);
  });

  test('deleting a chunk before it ran fails its jobs, and the batch ends', async () => {
    const asyncId = await system.run([workJob('attempt', { gate: 'chunk' }), ...echoJobs(1200)]);
    await waitFor(
      async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 1200,
      {
        what: 'all but one',
      },
    );
    const batchId = toBatchId(asyncId);
    await pool.query('delete from batchwright.result where batch_id = $1 and index >= 1000', [batchId]);
    await pool.query('delete from batchwright.chunk where batch_id = $1 and number = 1', [batchId]);
    await pool.query(`delete from pgboss.job where data->>'batch' = $1`, [batchId]);
    await pool.query('delete from batchwright.chunk where batch_id = $1', [batchId]);
    await sweepNow();
    await openGate(system, 'chunk');
    const { state, succeeded, failed } = await viewOf(asyncId);
    assert.deepEqual([state, succeeded, failed], ['completed', 999, 202]);
  });
});
