import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type pg from 'pg';
import { PluginConnections } from '../../../../src/pipeline/run/sql/plugin-connections.ts';
import { PluginSql } from '../../../../src/pipeline/run/sql/plugin-sql.ts';
import { NonRetryableError } from '../../../../src/plugin/errors.ts';
import { createPool } from '../../../../src/postgres/pools.ts';
import { openSession } from '../../../../src/postgres/session.ts';
import { createDatabase } from '../../../support/database.ts';
import { ENDLESS } from '../../../support/endless.ts';
import { silentLog } from '../../../support/silent-log.ts';
import { waitFor } from '../../../support/wait.ts';
import { LEFT_BEHIND } from '../../left-behind.ts';

const database = await createDatabase({ after });

function poolOf(t: TestContext, max: number): { pool: pg.Pool; connections: PluginConnections } {
  const pool = createPool({
    url: database.url,
    max,
    applicationName: 'test plugins',
    log: silentLog,
    onConnect: openSession,
  });
  const connections = new PluginConnections(pool);
  t.after(() => connections.close());
  return { pool, connections };
}

/** `sql` of a run of the action. */
function sqlOf(connections: PluginConnections, name = 'test.action'): PluginSql {
  return new PluginSql(connections, { name, timeoutSeconds: 60 }, undefined);
}

test('session state that a statement leaves does not reach the next user of the connection', async (t) => {
  const { pool, connections } = poolOf(t, 1);
  for (const [what, { statements, tells }] of Object.entries(LEFT_BEHIND))
    for (const ending of ['', '; select 1/0']) {
      for (const statement of statements)
        await sqlOf(connections)
          .query(`${statement}${ending}`)
          .catch((error: unknown) => assert.match(String(error), /division by zero/));
      const { rows } = await pool.query(`select ${tells} as there`);
      assert.equal(rows[0].there, false, `${what}${ending}`);
    }
});

const PID = 'select pg_backend_pid() as pid';

test('consecutive statements of one run use the same connection', async (t) => {
  const { connections } = poolOf(t, 4);
  const pids = new Set<number>();
  for (let n = 0; n < 5; n++)
    for (const { pid } of (await sqlOf(connections).query<{ pid: number }>(PID)).rows) pids.add(pid);
  assert.equal(pids.size, 1);
});

for (const text of ['begin', 'select 1; commit', '/* all */ rollback', 'start transaction'])
  test(`${text} is refused: later statements would use another connection`, async (t) => {
    const { pool, connections } = poolOf(t, 1);
    await assert.rejects(sqlOf(connections).query(text), (error) => {
      assert.ok(error instanceof NonRetryableError);
      assert.match(error.message, /transactional: true/);
      return true;
    });
    assert.equal(pool.totalCount, 0, 'nothing was sent');
  });

test('an action may use half of the connections, and statements of others do not wait for it', async (t) => {
  const { pool, connections } = poolOf(t, 4);
  const greedy = sqlOf(connections, 'test.greedy');
  const holder = await database.pool.connect();
  try {
    await holder.query('select pg_advisory_lock(1)');
    const held = [1, 2, 3].map(() => greedy.query('select pg_advisory_lock(1), pg_advisory_unlock_all()'));
    await waitFor(async () => pool.totalCount === 2 && pool.idleCount === 0, {
      what: 'two of them to be sent',
    });
    assert.deepEqual((await sqlOf(connections, 'test.other').query('select 1 as one')).rows, [{ one: 1 }]);
    assert.equal(pool.totalCount, 3);
    await holder.query('select pg_advisory_unlock(1)');
    await Promise.all(held);
  } finally {
    holder.release(true);
  }
});

test('two actions with slow statements leave a connection to a third one', async (t) => {
  const { pool, connections } = poolOf(t, 20);
  const slow = ['test.first', 'test.second'].flatMap((name) =>
    Array.from({ length: 20 }, () => sqlOf(connections, name).query(ENDLESS)),
  );
  // They end with the pool.
  for (const statement of slow) statement.catch(() => {});
  await waitFor(async () => pool.totalCount === 15 && pool.idleCount === 0, { what: '15 of them to run' });
  for (const name of ['test.third', 'test.fourth'])
    assert.deepEqual((await sqlOf(connections, name).query('select 1 as one')).rows, [{ one: 1 }]);
  assert.equal(pool.totalCount - pool.idleCount, 15);
});

test("sql returns json as pg does for plugins, and Postgres's own error messages", async (t) => {
  const { connections } = poolOf(t, 1);
  const sql = sqlOf(connections);
  const { rows, rowCount } = await sql.query(`select '{"a":1}'::json as json, 5::bigint as big`);
  assert.deepEqual([rows, rowCount], [[{ json: '{"a":1}', big: 5 }], 1]);
  await assert.rejects(sql.query('select 1/0'), { code: '22012', message: 'division by zero' });
  await assert.rejects(sql.query(`set statement_timeout = '10ms'; ${ENDLESS}`), {
    code: '57014',
    message: 'canceling statement due to statement timeout',
  });
  assert.equal(sql.interrupted, false, 'the database is not away');
});
