/** A caller's cancel, restart or repost while another transaction locks the same batch. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { echoJobs } from '../work-jobs.ts';

const system = await startSystem({ after }, { worker: false });

/** Sessions of the API that wait for a lock. */
function waitingForLock() {
  return waitFor(
    async () => {
      const { rowCount } = await system.pool.query(
        `select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and application_name = 'batchwright api'`,
      );
      return rowCount === 1;
    },
    { what: 'the API to wait for a lock' },
  );
}

test('a cancel that deadlocks with a settle is repeated and succeeds', async () => {
  const asyncId = await system.run(echoJobs(1));
  const settle = await system.pool.connect();
  try {
    await settle.query('begin');
    // The session that stops waiting first detects the deadlock and fails: the cancel.
    await settle.query("set local deadlock_timeout = '10min'");
    await settle.query(`update pgboss.job set start_after = now() + interval '1 h' where group_id = $1`, [
      toBatchId(asyncId),
    ]);
    await settle.query('commit');
    await settle.query('begin');
    await settle.query("set local deadlock_timeout = '10min'");
    await settle.query('select from pgboss.job where group_id = $1 for update', [toBatchId(asyncId)]);
    const cancelling = system.rpc('cancel', { async: asyncId });
    await waitingForLock();
    await settle.query('select from batchwright.batch where id = $1 for update', [toBatchId(asyncId)]);
    await settle.query('commit');
    const { status, body } = await cancelling;
    assert.deepEqual([status, body], [200, { cancelled: true }]);
  } finally {
    settle.release();
  }
});

test('restart and cancel answer 503 while the row of the batch stays locked', async () => {
  const asyncId = await system.run(echoJobs(1));
  const holder = await system.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from batchwright.batch where id = $1 for update', [toBatchId(asyncId)]);
    const answers = ['restart', 'cancel'].map((action) => system.rpc(action, { async: asyncId }));
    for (const { status, headers, body } of await Promise.all(answers)) {
      assert.deepEqual([status, body.errorCode], [503, 503]);
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
  } finally {
    await holder.query('rollback');
    holder.release();
  }
});
