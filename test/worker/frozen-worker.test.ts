/** A worker that hangs in the middle of a transaction, as on a frozen machine or behind a cut network. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { echoJobs, entriesOf, openGate, workJob } from '../pipeline/work-jobs.ts';
import { startProxy } from '../support/proxy.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/** The worker is frozen until the test ends: only a failing test waits this long. */
const TIMEOUT_MS = 90_000;

function posts(count: number, params: object = {}): object[] {
  return Array.from({ length: count }, (_, n) => workJob('post', { name: `entry ${n}`, ...params }));
}

/** Sessions of this database in that state. */
async function sessions({ pool }: System, condition: string): Promise<number> {
  const { rows } = await pool.query(
    `select count(*) as found from pg_stat_activity where datname = current_database() and ${condition}`,
  );
  return rows[0].found;
}

/**
 * A worker that is frozen in the middle of a settle: its session holds the locks of message and batch, and
 * its other sessions wait for them. Before that, nothing of the batch was recorded.
 */
async function freezeInSettle(
  system: System,
  asyncId: string,
  { env, freeze }: { env?: Record<string, string>; freeze(worker: ChildProcess): void },
): Promise<ChildProcess> {
  const holder = await system.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from batchwright.batch where id = $1 for update', [toBatchId(asyncId)]);
    const worker = await system.forkWorker(env);
    await waitFor(async () => (await sessions(system, "wait_event_type = 'Lock'")) > 1, {
      what: 'several of its transactions to wait for a lock',
    });
    freeze(worker);
    await holder.query('rollback');
    await waitFor(async () => (await sessions(system, "state = 'idle in transaction'")) > 0, {
      what: 'one of them to have it',
    });
    return worker;
  } finally {
    holder.release();
  }
}

/** Lets the worker continue and end. */
async function assertRefused(system: System, asyncId: string, worker: ChildProcess): Promise<void> {
  const results = await system.results(asyncId);
  const entries = await entriesOf(system, asyncId);
  const exited = once(worker, 'exit');
  worker.kill('SIGCONT');
  worker.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  assert.deepEqual(await system.results(asyncId), results);
  assert.deepEqual(await entriesOf(system, asyncId), entries);
}

/** Checks that each job succeeded with one entry: repeated runs have taken effect once. */
async function assertOnce(system: System, asyncId: string, jobs: number): Promise<void> {
  const { state, counts } = await system.ended(asyncId, TIMEOUT_MS);
  assert.deepEqual([state, counts.succeeded], ['completed', jobs]);
  const entries = await entriesOf(system, asyncId);
  assert.deepEqual(
    entries.map(({ index }) => index).sort((a, b) => a - b),
    Array.from({ length: jobs }, (_, index) => index),
  );
}

describe('frozen transactions', { concurrency: 2 }, () => {
  test('a worker that hangs in the middle of a settle delays no other batch, and its own is taken over', async (t) => {
    const system = await startSystem(t, { worker: false });
    const frozenBatch = await system.run(posts(40));
    const frozen = await freezeInSettle(system, frozenBatch, { freeze: (worker) => worker.kill('SIGSTOP') });

    const killed = await system.forkWorker();
    const killedBatch = await system.run(posts(8, { gate: 'killed' }));
    await waitFor(async () => (await system.rpc('progress', { async: killedBatch })).body.progress === 50, {
      what: 'its jobs to run',
    });
    const gone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await gone;
    await system.addWorker();

    const other = await system.run(echoJobs(3));
    assert.equal((await system.ended(other, TIMEOUT_MS)).counts.succeeded, 3);
    await openGate(system, 'killed');
    await assertOnce(system, killedBatch, 8);
    await assertOnce(system, frozenBatch, 40);

    await assertRefused(system, frozenBatch, frozen);
  });

  test('a worker whose network is cut in the middle of a settle is given up without contact', async (t) => {
    const system = await startSystem(t, { worker: false });
    const proxy = await startProxy(t, system.databaseUrl);
    const asyncId = await system.run(posts(40));
    const cut = await freezeInSettle(system, asyncId, {
      env: { DATABASE_URL: proxy.url },
      freeze: () => proxy.freeze(),
    });
    await system.addWorker();
    await assertOnce(system, asyncId, 40);
    proxy.thaw();
    await assertRefused(system, asyncId, cut);
  });

  test('a settle that must wait for a lock keeps its message', async (t) => {
    const system = await startSystem(t);
    const asyncId = await system.run([workJob('attempt', { gate: 'settle' })]);
    await waitFor(async () => (await entriesOf(system, asyncId)).length === 1, { what: 'the job to run' });
    const holder = await system.pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select from batchwright.batch where id = $1 for update', [toBatchId(asyncId)]);
      await openGate(system, 'settle');
      await waitFor(
        async () => {
          const { rowCount } = await system.pool.query(
            `select from pgboss.job where group_id = $1 and heartbeat_on > started_on + interval '15 s'`,
            [toBatchId(asyncId)],
          );
          return rowCount === 1;
        },
        { what: 'heartbeats beyond what one is good for', timeoutMs: TIMEOUT_MS },
      );
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    const { counts } = await system.ended(asyncId);
    assert.equal(counts.succeeded, 1);
    assert.equal((await entriesOf(system, asyncId)).length, 1, 'it ran once');
  });
});
