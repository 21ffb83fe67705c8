import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { transaction } from '../../src/postgres/transaction.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/** Another worker takes over within this time of a worker's death (docs/operating.md). */
const TAKEOVER_MS = 30_000;
/** The sweep repairs within this time. */
const SWEPT_MS = 60_000;
/** A worker is not given up earlier. */
const HEARTBEAT_MS = 10_000;

/**
 * Ten jobs that have ended, ten that wait for the gate, one of them in a transaction, and ten not started.
 */
function jobs(gate: string): object[] {
  return [
    ...echoJobs(10),
    workJob('post', { name: 'transactional', gate }),
    ...Array.from({ length: 19 }, () => workJob('attempt', { gate })),
  ];
}

async function midRun(system: System, asyncId: string): Promise<void> {
  await waitFor(
    async () => {
      const { counts } = (await system.rpc('progress', { async: asyncId })).body;
      // The running jobs have written their entry; the one in a transaction too, but it is not visible.
      const noted = (await entriesOf(system, asyncId)).length;
      return counts.succeeded === 10 && counts.running === 11 && noted === 10;
    },
    { what: 'the batch to be in mid-run' },
  );
}

async function allOnce(system: System, asyncId: string, dead: ChildProcess): Promise<void> {
  const { state, counts } = await system.ended(asyncId, TAKEOVER_MS);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 30,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 30,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ index, attempts }) => [index, attempts]),
    Array.from({ length: 30 }, (_, index) => [index, 1]),
  );
  const entries = await entriesOf(system, asyncId);
  assert.equal(entries.filter(({ name }) => name === 'transactional').length, 1);
  const byDead = entries.filter(({ pid }) => pid === dead.pid);
  assert.equal(byDead.length, 10, 'those that ran when it died');
  assert.equal(entries.length, 10 + 20, 'and again, with those that had not run');
}

describe('heartbeats', { concurrency: true }, () => {
  test('after kill -9 of a worker another takes over within 30 s, and every result is recorded once', async (t) => {
    const system = await startSystem(t, { worker: false });
    const receiver = await startReceiver(t);
    const dead = await system.forkWorker();
    const asyncId = await system.run(jobs('killed'), { callbackUrl: receiver.url });
    await midRun(system, asyncId);
    const before = await system.rpc('progress', { async: asyncId });
    const gone = once(dead, 'exit');
    dead.kill('SIGKILL');
    await gone;
    await system.addWorker();

    const other = await system.run(echoJobs(3));
    assert.equal((await system.ended(other, HEARTBEAT_MS)).counts.succeeded, 3, 'the others are not held up');
    assert.equal(before.body.counts.succeeded, 10);
    await openGate(system, 'killed');
    await allOnce(system, asyncId, dead);
    await receiver.received(1);
    assert.equal(receiver.callbacks.length, 1);
  });

  test('after kill -9 of a worker between an end and what it releases, waiting jobs go on within 60 s', async (t) => {
    const system = await startSystem(t, { worker: false });
    const dead = await system.forkWorker();
    const asyncId = await system.run([
      { id: 'first', ...workJob('attempt', { gate: 'released' }) },
      { id: 'next', ...workJob('attempt'), dependsOn: ['first'] },
      { ...workJob('attempt'), dependsOn: ['next'] },
    ]);
    await transaction(system.pool, async (client) => {
      // No process may hand on ends meanwhile.
      await client.query('select from batchwright.plan where batch_id = $1 for update', [toBatchId(asyncId)]);
      await openGate(system, 'released');
      await waitFor(
        async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 1,
        { what: 'the first job to end' },
      );
      const gone = once(dead, 'exit');
      dead.kill('SIGKILL');
      await gone;
    });
    await system.addWorker();
    assert.equal((await system.ended(asyncId, SWEPT_MS)).counts.succeeded, 3);
  });

  test('a worker that continues after it was given up records nothing', async (t) => {
    const system = await startSystem(t, { worker: false });
    const stale = await system.forkWorker();
    const asyncId = await system.run(jobs('stopped'));
    await midRun(system, asyncId);
    stale.kill('SIGSTOP');
    t.after(() => stale.kill('SIGCONT'));
    await system.addWorker();
    await openGate(system, 'stopped');
    await allOnce(system, asyncId, stale);

    const results = await system.results(asyncId);
    stale.kill('SIGCONT');
    // Its lanes end when it has drained: its results have been refused.
    const exited = once(stale, 'exit');
    stale.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    assert.deepEqual(await system.results(asyncId), results);
    assert.deepEqual((await system.rpc('progress', { async: asyncId })).body.counts.succeeded, 30);
    const posted = (await entriesOf(system, asyncId)).filter(({ name }) => name === 'transactional');
    assert.equal(posted.length, 1);
  });

  test('a job that runs for longer than a heartbeat lasts stays with its worker', async (t) => {
    const system = await startSystem(t);
    const asyncId = await system.run([workJob('attempt', { gate: 'long' })]);
    await waitFor(
      async () => {
        const { rowCount } = await system.pool.query(
          `select from pgboss.job where group_id = $1 and state = 'active' and retry_count = 0
           and heartbeat_on > started_on + 1.5 * heartbeat_seconds * interval '1 second'`,
          [toBatchId(asyncId)],
        );
        return rowCount === 1;
      },
      { what: 'heartbeats', timeoutMs: TAKEOVER_MS },
    );
    await openGate(system, 'long');
    await system.ended(asyncId);
    assert.equal((await entriesOf(system, asyncId)).length, 1);
  });
});
