/** Slow statements of plugins: they do not delay other batches, and a dead worker leaves none running. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { echoJobs, workJob } from '../pipeline/work-jobs.ts';
import { ENDLESS } from '../support/endless.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/** Only a failing test waits this long. */
const TIMEOUT_MS = 90_000;

/** The server's processes of plugins' statements. */
async function statements({ pool }: System): Promise<number[]> {
  const { rows } = await pool.query(
    `select pid from pg_stat_activity where datname = current_database() and state = 'active'
     and query = $1`,
    [ENDLESS],
  );
  return rows.map(({ pid }) => pid);
}

function countOf(count: number, job: object): object[] {
  return Array.from({ length: count }, () => job);
}

test('statements that outlive their jobs delay neither other batches nor their callbacks', async (t) => {
  const system = await startSystem(t);
  const receiver = await startReceiver(t);
  const slow = await system.run([...countOf(35, workJob('sleep')), ...countOf(35, workJob('sleepPost'))]);
  await waitFor(async () => (await statements(system)).length > 10, { what: 'many statements to run' });
  for (const job of [...echoJobs(1), workJob('post', { name: 'meanwhile' })]) {
    const other = await system.run([job], { callbackUrl: receiver.url });
    assert.equal((await system.ended(other)).counts.succeeded, 1);
  }
  await receiver.received(2);
  const { counts } = (await system.rpc('progress', { async: slow })).body;
  assert.ok(counts.failed < 70, 'they came in between');

  const { counts: ended } = await system.ended(slow, TIMEOUT_MS);
  assert.equal(ended.failed, 70);
  for (const { response } of await system.results(slow))
    assert.deepEqual(response, { errorCode: 504, message: 'timed out after 1 s' });
  await waitFor(async () => (await statements(system)).length === 0, { what: 'the last statement to end' });
});

describe('transactions of a dead worker', { concurrency: true }, () => {
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const)
    test(`after a ${signal} the server ends the running transaction and frees its locks`, async (t) => {
      const system = await startSystem(t, { worker: false });
      const worker = await system.forkWorker();
      const held = "insert into work.gate (name) values ('held')";
      const asyncId = await system.run([workJob('hold', { statements: [held, ENDLESS] })]);
      const [pid] = await waitFor(
        async () => {
          const pids = await statements(system);
          return pids.length === 1 && pids;
        },
        { what: 'the statement to run' },
      );
      // The job must not be run again.
      await system.rpc('cancel', { async: asyncId });
      const gone = once(worker, 'exit');
      worker.kill(signal);
      if (signal === 'SIGKILL') await gone;
      await system.addWorker();
      await waitFor(async () => !(await statements(system)).includes(pid as number), {
        what: 'the end of the statement',
        timeoutMs: TIMEOUT_MS,
      });
      await system.pool.query(held);
      const { counts } = await system.ended(asyncId, TIMEOUT_MS);
      assert.equal(counts.cancelled, 1);
      const { rowCount } = await system.pool.query('select from batchwright.result where batch_id = $1', [
        toBatchId(asyncId),
      ]);
      assert.equal(rowCount, 1);
    });
});
