/** A paused batch: no job of it starts, wherever its jobs wait, until it is resumed. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { Batchwright } from '../../../src/client/index.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { stalledQueues } from '../../../src/queue/stalled.ts';
import { echo, gated, openGate, runsOf } from '../../http/v1/support.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startClaiming } from '../claims.ts';
import { entriesOf, workJob } from '../work-jobs.ts';

const system = await startSystem({ after });
const { pool } = system;
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });

const status = async (asyncId: string): Promise<Json> =>
  (await system.rpc('progress', { async: asyncId })).body;
const gatedJobs = (gate: string, count: number) => Array.from({ length: count }, () => gated(gate));

/** Resolves when so many jobs wait at the gate. */
async function atGate(gate: string, count: number): Promise<void> {
  await waitFor(async () => (await runsOf(pool, gate)) === count, { what: `${count} jobs at ${gate}` });
}

/** Resolves when no message of the batch can be taken, and none is in hand. */
async function outOfReach({ pool: of }: Pick<System, 'pool'>, asyncId: string): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await of.query(
        `select state, blocked, data ? 'bucket' as "hasBucket" from pgboss.job
         where group_id = $1 and state <= 'active'`,
        [toBatchId(asyncId)],
      );
      return (
        rows.length > 0 &&
        rows.every(({ state, blocked, hasBucket }) => state !== 'active' && blocked && !hasBucket)
      );
    },
    { what: 'all messages to be out of reach' },
  );
}

/** Resolves when the worker has noticed the pause, and has put back the jobs that are not started. */
async function restOutOfReach(asyncId: string): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await pool.query(
        `select count(*) as count from pgboss.job where group_id = $1 and state = 'created' and blocked`,
        [toBatchId(asyncId)],
      );
      return rows[0].count > 0;
    },
    { what: 'the rest of the message' },
  );
}

/** The lanes look at their queue, and take what they may take. */
async function lanesWork(): Promise<void> {
  const { state } = await system.ended(await system.run([echo(1), workJob('lane')]));
  assert.equal(state, 'completed');
}

test('jobs that are not started are free for any lane while others of their message run', async () => {
  const asyncId = await system.run(gatedJobs('beside', 12));
  await atGate('beside', 10);
  await client.batches.pause(asyncId);
  await restOutOfReach(asyncId);
  await client.batches.resume(asyncId);
  await openGate(pool, 'beside');
  assert.equal((await system.ended(asyncId)).counts.succeeded, 12);
});

test('a paused batch with a limit of its own keeps it when it is resumed', async () => {
  const asyncId = await system.run(gatedJobs('limit', 4), { options: { concurrency: 1 } });
  await atGate('limit', 1);
  await client.batches.pause(asyncId);
  await openGate(pool, 'limit');
  await outOfReach(system, asyncId);
  await lanesWork();
  assert.equal(await runsOf(pool, 'limit'), 1);
  // Workers report a moment later what waits for limits.
  await waitFor(async () => (await status(asyncId)).waitingFor === undefined, { what: 'the report' });
  await client.batches.resume(asyncId);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 4);
});

test('a job whose dependencies are met while its batch is paused starts when it is resumed', async () => {
  const jobs = [
    { ...gated('plan'), id: 'first' },
    { ...gated('plan'), id: 'second', dependsOn: ['first'] },
    { ...workJob('lane'), dependsOn: ['first'] },
    { ...echo(1), dependsOn: [{ job: 'first', when: 'failed' }] },
  ];
  const asyncId = await system.run(jobs);
  await atGate('plan', 1);
  await client.batches.pause(asyncId);
  await openGate(pool, 'plan');
  await outOfReach(system, asyncId);
  await lanesWork();
  const { counts } = await status(asyncId);
  assert.deepEqual([counts.succeeded, counts.skipped, counts.pending], [1, 1, 2]);
  await client.batches.resume(asyncId);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 3);
});

test('a retry does not run while its batch is paused, and keeps its number', async () => {
  const job = workJob('attempt', { failures: 1, retryInSeconds: 1 });
  const asyncId = await system.run([job]);
  await waitFor(async () => (await entriesOf(system, asyncId)).length === 1, { what: 'the first run' });
  await client.batches.pause(asyncId);
  await outOfReach(system, asyncId);
  await pool.query('update pgboss.job set start_after = now() where group_id = $1', [toBatchId(asyncId)]);
  await lanesWork();
  assert.equal((await entriesOf(system, asyncId)).length, 1);
  await client.batches.resume(asyncId);
  const [result] = await system.ended(asyncId).then(() => system.results(asyncId));
  assert.deepEqual([result?.status, result?.attempts], ['succeeded', 2]);
});

test('a cancel ends a paused batch, and a restart of it is not paused', async () => {
  const asyncId = await system.run(gatedJobs('cancel', 12));
  await atGate('cancel', 10);
  await client.batches.pause(asyncId);
  assert.equal((await client.batches.cancel(asyncId)).paused, undefined);
  assert.deepEqual((await system.rpc('pause', { async: asyncId })).body, { paused: false });
  await openGate(pool, 'cancel');
  const { state, counts } = await system.ended(asyncId);
  assert.deepEqual([state, counts.succeeded, counts.cancelled], ['cancelled', 10, 2]);
  for (const [verb, answer] of Object.entries({ pause: 'paused', resume: 'resumed' }))
    assert.deepEqual((await system.rpc(verb, { async: asyncId })).body, { [answer]: false });
  await client.batches.restart(asyncId);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 12);
});

test('a batch that ends while it is paused is no longer shown as paused, nor after a restart', async () => {
  const job = { namespace: 'test', action: 'behave', params: { gate: 'ends', effect: 'ends', fatal: 'no' } };
  const asyncId = await system.run([job]);
  await atGate('ends', 1);
  await client.batches.pause(asyncId);
  await openGate(pool, 'ends');
  assert.deepEqual(Object.hasOwn(await system.ended(asyncId), 'paused'), false);
  await client.batches.restart(asyncId);
  assert.equal((await system.ended(asyncId)).counts.failed, 1);
  assert.equal(await runsOf(pool, 'ends'), 2);
});

test('the sweep starts no job of a paused batch, also when it sends lost messages again', async () => {
  const { deps } = await startClaiming({ after }, system);
  const sweepNow = () => sweep({ ...deps, queues: system.registry.queues }, { minAgeSeconds: 0 });
  const asyncId = await system.run(gatedJobs('sweep', 12));
  await atGate('sweep', 10);
  await client.batches.pause(asyncId);
  await openGate(pool, 'sweep');
  await outOfReach(system, asyncId);
  await sweepNow();
  await outOfReach(system, asyncId);
  await pool.query('delete from pgboss.job where group_id = $1', [toBatchId(asyncId)]);
  await sweepNow();
  await outOfReach(system, asyncId);
  assert.equal(await runsOf(pool, 'sweep'), 10);
  await client.batches.resume(asyncId);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 12);
});

// The tests above know how many jobs one worker runs at once.
test('jobs that run end, the others wait until the batch is resumed, in two processes', async () => {
  await system.addWorker();
  const asyncId = await system.run(gatedJobs('two', 1025));
  await atGate('two', 20);
  const { state, paused } = await client.batches.pause(asyncId);
  assert.deepEqual([state, paused], ['running', true]);
  assert.deepEqual((await system.rpc('pause', { async: asyncId })).body, { paused: true });
  await openGate(pool, 'two');
  await outOfReach(system, asyncId);
  await lanesWork();
  const { counts, ...rest } = await status(asyncId);
  assert.deepEqual([counts.succeeded, counts.pending, rest.state, rest.paused], [20, 1005, 'running', true]);
  assert.equal((await client.batches.resume(asyncId)).paused, undefined);
  assert.deepEqual((await system.rpc('resume', { async: asyncId })).body, { resumed: true });
  assert.equal((await system.ended(asyncId)).counts.succeeded, 1025);
  assert.equal(await runsOf(pool, 'two'), 1025);
  const { body } = await system.request(`/v1/audit?target=${asyncId}`);
  assert.deepEqual(
    body.data.map(({ event }: Json) => event),
    ['batch.resumed', 'batch.paused'],
  );
});

/** A system whose worker is a process of its own. */
async function withProcess(t: TestContext) {
  const apart = await startSystem(t, { worker: false });
  return { apart, calls: new Batchwright({ url: apart.url, key: ADMIN_KEY }) };
}

test('a batch that is paused before a worker takes it waits, and its queue does not count as stalled', async (t) => {
  const { apart, calls } = await withProcess(t);
  const asyncId = await apart.run(Array.from({ length: 2500 }, (_, n) => echo(n)));
  const other = await apart.run([echo(1)]);
  const stalled = async () => (await stalledQueues(apart.pool, ['default'], 0)).map(({ name }) => name);
  await waitFor(async () => (await stalled()).length === 1, { what: 'work that waits' });
  await calls.batches.pause(asyncId);
  await calls.batches.pause(other);
  assert.deepEqual(await stalled(), []);
  await calls.batches.resume(other);
  await apart.addWorker();
  assert.equal((await apart.ended(other)).state, 'completed');
  const { state, counts } = (await apart.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([state, counts.pending], ['queued', 2500]);
  await calls.batches.resume(asyncId);
  assert.equal((await apart.ended(asyncId)).counts.succeeded, 2500);
});

test('the pause survives the death of the worker: what ran is apart, and runs when the batch is resumed', async (t) => {
  const { apart, calls } = await withProcess(t);
  const worker = await apart.forkWorker();
  const asyncId = await apart.run(gatedJobs('killed', 12));
  const runs = () => runsOf(apart.pool, 'killed');
  await waitFor(async () => (await runs()) === 10, { what: 'ten jobs at the gate' });
  await calls.batches.pause(asyncId);
  worker.kill('SIGKILL');
  await openGate(apart.pool, 'killed');
  await apart.forkWorker();
  await outOfReach(apart, asyncId);
  assert.equal(await runs(), 10);
  await calls.batches.resume(asyncId);
  assert.equal((await apart.ended(asyncId)).counts.succeeded, 12);
  assert.equal(await runs(), 22);
});
