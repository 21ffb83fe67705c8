import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type pg from 'pg';
import { createPool, transaction } from '../../src/database/pools.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

test('json and jsonb come as their text, bigint as a number, everything else as pg has it', async (t) => {
  const { pool } = await createDatabase(t);
  const { rows } = await pool.query(
    `select '{"a" : 1}'::json as json, '{"b":2}'::jsonb as jsonb, null::json as none,
      count(*) as count, now() as now, true as yes from generate_series(1, 3)`,
  );
  const { now, ...rest } = rows[0];
  assert.deepEqual(rest, { json: '{"a" : 1}', jsonb: '{"b": 2}', none: null, count: 3, yes: true });
  assert.ok(now instanceof Date);
});

test('a pool outlives the loss of its idle and its busy connections, and logs them', async (t) => {
  const { url, pool: other } = await createDatabase(t);
  let lost = 0;
  const log = { ...silentLog, warn: () => void lost++ };
  const pool = createPool({ url, max: 3, applicationName: 'victim', log });
  t.after(() => pool.end());
  const [busy, idle] = await Promise.all([pool.connect(), pool.connect()]);
  idle.release();
  await busy.query('begin');

  const cut = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1';
  assert.equal((await other.query(cut, ['victim'])).rowCount, 2);
  await waitFor(async () => lost === 2, { what: 'both losses to be logged' }).finally(() =>
    busy.release(true),
  );
  await pool.query('select 1');
  assert.equal(lost, 2);
});

test('a transaction commits what its work did and answers what it returned', async (t) => {
  const pool = await poolWithTable(t);
  assert.equal(await transaction(pool, (client) => insert(client, 1).then(() => 'done')), 'done');
  assert.deepEqual(await stored(pool), [1]);
});

test('a transaction whose work throws leaves nothing and throws the same', async (t) => {
  const pool = await poolWithTable(t);
  const error = new Error('no');
  const failing = transaction(pool, async (client) => {
    await insert(client, 1);
    throw error;
  });
  await assert.rejects(failing, error);
  assert.deepEqual(await stored(pool), []);
});

test('a transaction does not pass for committed when its work hides a failed statement', async (t) => {
  const pool = await poolWithTable(t);
  const hiding = transaction(pool, async (client) => {
    await insert(client, 1);
    await client.query('select 1/0').catch(() => undefined);
  });
  await assert.rejects(hiding, /rolled back/);
  assert.deepEqual(await stored(pool), []);
});

test('a connection lost in a transaction does not go back to the pool', async (t) => {
  const pool = await poolWithTable(t);
  const cut = transaction(pool, async (client) => {
    await insert(client, 1);
    await client.query('select pg_terminate_backend(pg_backend_pid())');
  });
  await assert.rejects(cut);
  assert.deepEqual(await stored(pool), []);
  assert.equal(pool.totalCount, 1);
});

/** A pool of one connection, so that whatever a transaction leaves on it would show. */
async function poolWithTable(t: TestContext): Promise<pg.Pool> {
  const { url } = await createDatabase(t);
  const pool = createPool({ url, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  await pool.query('create table entry (n int)');
  return pool;
}

function insert(client: pg.ClientBase, n: number): Promise<unknown> {
  return client.query('insert into entry values ($1)', [n]);
}

async function stored(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query('select n from entry order by n');
  return rows.map(({ n }) => n);
}
