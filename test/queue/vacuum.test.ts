import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

test('the table of messages is vacuumed by the number of dead rows, unless an operator has set otherwise', async (t) => {
  const { url, pool } = await createDatabase(t);
  async function settingsAfterStart(): Promise<string[]> {
    const queue = await startQueue({
      url,
      queues: ['default'],
      applicationName: 'test',
      max: 1,
      log: silentLog,
    });
    await queue.stop();
    const { rows } = await pool.query(
      `select reloptions from pg_class where oid = 'pgboss.job_common'::regclass`,
    );
    return rows[0].reloptions;
  }
  await pool.query('alter table pgboss.job_common reset (autovacuum_vacuum_threshold)');
  await pool.query(`alter table pgboss.job_common reset (autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_cost_delay, autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)`);
  assert.deepEqual((await settingsAfterStart()).sort(), [
    'autovacuum_analyze_scale_factor=0',
    'autovacuum_analyze_threshold=1000',
    'autovacuum_vacuum_cost_delay=0',
    'autovacuum_vacuum_scale_factor=0',
    'autovacuum_vacuum_threshold=1000',
  ]);
  await pool.query('alter table pgboss.job_common set (autovacuum_vacuum_threshold = 7)');
  assert.ok((await settingsAfterStart()).includes('autovacuum_vacuum_threshold=7'));
});
