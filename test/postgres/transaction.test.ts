import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type pg from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { transaction } from '../../src/postgres/transaction.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

const { url } = await createDatabase({ after });

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
  const pool = createPool({ url, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  await pool.query('drop table if exists entry; create table entry (n int)');
  return pool;
}

function insert(client: pg.ClientBase, n: number): Promise<unknown> {
  return client.query('insert into entry values ($1)', [n]);
}

async function stored(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query('select n from entry order by n');
  return rows.map(({ n }) => n);
}
