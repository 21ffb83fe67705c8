import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PgBoss } from 'pg-boss';
import { startSupervision } from '../../src/queue/supervision.ts';
import { createDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait.ts';

test('no worker counts as dead at the first check after the database was away', async (t) => {
  const { url, pool } = await createDatabase(t);
  const boss = new PgBoss({ connectionString: url, supervise: false, monitorIntervalSeconds: 5 });
  boss.on('error', () => {}); // its connections are cut when the database stops
  await boss.start();
  t.after(() => boss.stop({ graceful: false }));
  await boss.createQueue('quiet', { heartbeatSeconds: 10, retryLimit: 5 });
  await boss.insert('quiet', [{}]);
  await boss.fetch('quiet');
  await pool.query(`update pgboss.job set heartbeat_on = now() - interval '1 minute' where name = 'quiet'`);
  const state = async () =>
    (await pool.query(`select state from pgboss.job where name = 'quiet'`)).rows[0].state;

  const answers = [false, true, true];
  const states: string[] = [];
  const errors: unknown[] = [];
  const reachable = async () => {
    states.push(await state());
    return answers[states.length - 1] ?? true;
  };
  const supervision = startSupervision(boss, reachable, (error) => errors.push(error));
  await waitFor(async () => (await state()) === 'retry', { what: 'the second look', timeoutMs: 60_000 });
  await supervision.stop();
  assert.deepEqual(states.slice(0, 3), ['active', 'active', 'active']);
  assert.deepEqual(errors, []);
});
