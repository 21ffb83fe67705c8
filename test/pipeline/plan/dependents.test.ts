/** What a job meets that depends on another: cancels, restarts and limits, also while ends are being handed on. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { releaseSome } from '../../../src/pipeline/plan/release.ts';
import { Releaser } from '../../../src/pipeline/plan/releaser.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { hasNotes } from '../../../src/store/plan-notes.ts';
import type { Json } from '../../support/json.ts';
import { silentLog } from '../../support/silent-log.ts';
import { type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startCalledServer } from '../../worker/limits-server.ts';
import { echoJobs, openGate, workJob } from '../work-jobs.ts';

let system: System;

before(async (t) => {
  system = await startSystem(t as never);
});

async function counts(asyncId: string): Promise<Json> {
  return (await system.rpc('progress', { async: asyncId })).body.counts;
}

async function statuses(asyncId: string): Promise<string[]> {
  return (await system.results(asyncId)).map(({ status }) => status);
}

async function call(action: string, body: object): Promise<void> {
  const { status, body: answer } = await system.rpc(action, body);
  assert.deepEqual([status, Object.values(answer)], [200, [true]]);
}

interface HeldBack {
  /** Hands the end on to some of what waits. */
  release(): ReturnType<typeof releaseSome>;
  /** From now on the processes hand ends on again. */
  goOn(): void;
}

/** The gate opens, and the job behind it ends. No process hands on its end, as if the one that noted it had died. */
async function endWithoutRelease(t: TestContext, asyncId: string, gate: string): Promise<HeldBack> {
  const { databaseUrl: url, registry, pool } = system;
  const queue = await startQueue({
    url,
    queues: registry.queues,
    applicationName: 'test',
    max: 2,
    log: silentLog,
  });
  t.after(() => queue.stop());
  const wake = t.mock.method(Releaser.prototype, 'wake', () => {});
  await openGate(system, gate);
  await waitFor(async () => wake.mock.callCount() > 0, { what: 'the end to be noted' });
  return {
    release: () => releaseSome({ pool, queue, registry }, toBatchId(asyncId)),
    goOn: () => wake.mock.restore(),
  };
}

test('a job that waits for any end of a cancelled one runs when it is restarted, and others are skipped', async () => {
  const asyncId = await system.run([
    { id: 'first', ...workJob('attempt', { gate: 'any end' }) },
    { id: 'cancelled', ...workJob('attempt'), dependsOn: ['first'] },
    { ...workJob('attempt'), dependsOn: [{ job: 'cancelled', when: 'finished' }] },
    { ...workJob('attempt'), dependsOn: ['cancelled'] },
    { ...workJob('attempt'), dependsOn: [{ job: 'cancelled', when: 'failed' }] },
  ]);
  await waitFor(async () => (await counts(asyncId)).running === 1, { what: 'the first job' });
  await call('cancel', { async: asyncId });
  await openGate(system, 'any end');
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), [
    'succeeded',
    'cancelled',
    'cancelled',
    'cancelled',
    'cancelled',
  ]);
  await call('restart', { async: asyncId, indexes: [2, 3, 4] });
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), ['succeeded', 'cancelled', 'succeeded', 'skipped', 'skipped']);
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.slice(3).map(({ response }) => response.causedBy),
    [1, 1],
  );
});

test('a job waits for one that waits for its limit', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const calls = [0, 1, 2].map((id) => ({
    id,
    group: 'calls',
    namespace: 'limit',
    action: 'account',
    params: { url: server.url, account: 'awaited' },
  }));
  const asyncId = await system.run([
    ...calls,
    ...echoJobs(1).map((job) => ({ ...job, dependsOn: [{ group: 'calls' }] })),
    ...calls.map(({ id }) => ({ ...workJob('attempt'), dependsOn: [id] })),
  ]);
  await waitFor(
    async () => {
      const { body } = await system.request(`/v1/batches/${asyncId}`);
      return body.waitingFor?.[0]?.jobs === 1 && server.running.get('awaited') === 2;
    },
    { what: 'one call to wait while two run' },
  );
  assert.equal((await counts(asyncId)).waiting, 4);
  server.answer();
  assert.equal((await system.ended(asyncId)).counts.succeeded, 7);
  assert.equal(server.most.get('awaited'), 2);
});

test('a cancel while a star is being released ends all that waits, and a restart runs all of it', async (t) => {
  const spokes = echoJobs(3500).map((job) => ({ ...job, dependsOn: ['hub'] }));
  const asyncId = await system.run([{ id: 'hub', ...workJob('attempt', { gate: 'star' }) }, ...spokes]);
  const { release, goOn } = await endWithoutRelease(t, asyncId, 'star');
  assert.equal((await release()).state, 'more');
  assert.equal((await counts(asyncId)).waiting, 1500);
  await call('cancel', { async: asyncId });
  goOn();
  // A cancel that is repeated hands on what is left, too.
  await call('cancel', { async: asyncId });
  const { state, counts: cancelled } = await system.ended(asyncId);
  assert.equal(state, 'cancelled');
  assert.ok((cancelled.cancelled ?? 0) >= 1500);
  assert.equal((cancelled.succeeded ?? 0) + (cancelled.cancelled ?? 0), 3501);
  await call('restart', { async: asyncId });
  assert.equal((await system.ended(asyncId)).counts.succeeded, 3501);
});

test('while the jobs that wait are being cancelled, a note lets others go on if the process dies', async (t) => {
  const spokes = echoJobs(2500).map((job) => ({ ...job, dependsOn: ['hub'] }));
  const asyncId = await system.run([{ id: 'hub', ...workJob('attempt', { gate: 'cancel' }) }, ...spokes]);
  const { release } = await endWithoutRelease(t, asyncId, 'cancel');
  const batchId = toBatchId(asyncId);
  // As a cancel does it, but no process is told.
  await system.pool.query('update batchwright.batch set cancel_requested = true where id = $1', [batchId]);
  // Those of one chunk at a time; the hub is in the first.
  for (const waiting of [1501, 501]) {
    assert.equal((await release()).state, 'more');
    assert.equal((await counts(asyncId)).waiting, waiting);
    assert.equal(await hasNotes(system.pool, batchId), true);
  }
  assert.equal((await release()).ended?.state, 'cancelled');
  assert.equal((await counts(asyncId)).cancelled, 2500);
});

test('a cancel while skips are being handed on ends the others, which are skipped when they alone are restarted', async (t) => {
  const first = { id: '0', ...workJob('attempt', { gate: 'skips', failures: 9, fatal: true }) };
  const others = echoJobs(3000).map((job, n) => ({ id: String(n + 1), ...job, dependsOn: [String(n)] }));
  const asyncId = await system.run([first, ...others]);
  const { release, goOn } = await endWithoutRelease(t, asyncId, 'skips');
  assert.equal((await release()).state, 'more');
  const { skipped, waiting } = await counts(asyncId);
  assert.ok(skipped > 0 && waiting > 0);
  assert.equal(skipped + waiting, 3000);
  goOn();
  await call('cancel', { async: asyncId });
  const ended = await system.ended(asyncId);
  assert.deepEqual(
    [ended.counts.failed, ended.counts.skipped, ended.counts.cancelled],
    [1, skipped, waiting],
  );
  await call('restart', { async: asyncId, status: ['cancelled'] });
  const { counts: again, state } = await system.ended(asyncId);
  assert.deepEqual([state, again.failed, again.skipped, again.cancelled], ['completed', 1, 3000, 0]);
  assert.equal((await system.results(asyncId)).at(-1)?.response.causedBy, 0);
});

test('large jobs that are released together are in messages of a few, so that few are in memory', async (t) => {
  const padding = 'x'.repeat(1024 * 1024);
  const large = Array.from({ length: 9 }, (_, id) => ({
    namespace: 'rpc',
    action: 'strict',
    params: { id, name: 'x', padding },
    dependsOn: ['hub'],
  }));
  const asyncId = await system.run([{ id: 'hub', ...workJob('attempt', { gate: 'large' }) }, ...large]);
  const { release } = await endWithoutRelease(t, asyncId, 'large');
  await release();
  assert.equal((await system.ended(asyncId)).counts.succeeded, 10);
  const { rows } = await system.pool.query(
    `select data->'indexes' as indexes from pgboss.job where data->>'batch' = $1 and data->'indexes' is not null`,
    [toBatchId(asyncId)],
  );
  const lengths = rows.map(({ indexes }) => JSON.parse(indexes).length).sort();
  assert.deepEqual(lengths, [1, 4, 4]);
});

test('a restart before the last ends were handed on runs each job once', async (t) => {
  const asyncId = await system.run([
    { id: 'first', ...workJob('attempt', { gate: 'left', fatal: true, failures: 9 }) },
    { id: 'next', ...workJob('attempt'), dependsOn: [{ job: 'first', when: 'failed' }] },
  ]);
  const { release, goOn } = await endWithoutRelease(t, asyncId, 'left');
  await release();
  goOn();
  await system.ended(asyncId);
  // As a process leaves it that dies between an end and its release.
  await system.pool.query(
    `insert into batchwright.plan_note (batch_id, id, nodes, ends, causes)
     values ($1, gen_random_uuid(), '{0}', '{1}', '{0}')`,
    [toBatchId(asyncId)],
  );
  await call('restart', { async: asyncId });
  await system.ended(asyncId);
  const { rows } = await system.pool.query(
    'select index, count(*)::int as runs from work.entry where async_id = $1 group by index order by index',
    [asyncId],
  );
  assert.deepEqual(rows, [
    { index: 0, runs: 2 },
    { index: 1, runs: 1 },
  ]);
});
