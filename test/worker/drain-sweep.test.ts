import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { sweepEnded } from '../../src/telemetry/events.ts';
import { echoJobs } from '../pipeline/work-jobs.ts';
import { nextEvent } from '../support/next-event.ts';
import { settled } from '../support/settled.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

/** The time between two rounds of the sweep. */
const INTERVAL_MS = 20_000;

test('a drain waits for the running sweep, which completes its work, and begins no other one', async (t) => {
  const system = await startSystem(t, { worker: false });
  const { pool } = system;
  const batchId = toBatchId(await system.run(echoJobs(1)));
  const messages = async () =>
    (await pool.query(`select from pgboss.job where group_id = $1 and state <= 'active'`, [batchId]))
      .rowCount;
  await pool.query('delete from pgboss.job where group_id = $1', [batchId]);
  await pool.query(`update batchwright.batch set created_at = now() - interval '1 hour' where id = $1`, [
    batchId,
  ]);
  const sessions = async (condition: string) =>
    (await pool.query(`select from pg_stat_activity where datname = current_database() and ${condition}`))
      .rowCount;

  const goRound = capturedInterval(t, INTERVAL_MS);
  const worker = await system.addWorker();
  let rounds = 0;
  t.after(sweepEnded.listen(() => rounds++));
  const ended = nextEvent(sweepEnded, () => true, { what: 'the end of the sweep' });
  const holder = await pool.connect();
  let drained: Promise<void> | undefined;
  try {
    await holder.query('begin; lock table batchwright.batch in access exclusive mode');
    goRound();
    await waitFor(
      async () =>
        await sessions(`wait_event_type = 'Lock' and query like 'select id from batchwright.batch%'`),
      { what: 'the sweep to wait for the table' },
    );
    goRound(); // this round waits for the first
    drained = worker.drain();
    const left = await settled(() => sessions(`application_name = 'batchwright worker queue'`), {
      forMs: 500,
      what: 'the connections of the worker',
    });
    assert.ok(left, 'the worker keeps its connections');
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  assert.equal((await ended).error, null);
  await drained;
  assert.equal(rounds, 1, 'no round begins during the drain');
  assert.equal(await messages(), 1, 'the sweep has sent the lost message again');
});

/** Returns a function that does at once what is done at this interval; call it before the interval begins. */
function capturedInterval(t: TestContext, intervalMs: number): () => void {
  const { setInterval } = globalThis;
  const begun: (() => void)[] = [];
  t.mock.method(globalThis, 'setInterval', (work: () => void, ms: number, ...more: []) => {
    if (ms === intervalMs) begun.push(work);
    return setInterval(work, ms, ...more);
  });
  return () => {
    assert.equal(begun.length, 1);
    begun[0]?.();
  };
}
