import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPool } from '../../src/postgres/pools.ts';
import { createDatabase } from '../support/database.ts';
import { startProxy } from '../support/proxy.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

test('json and jsonb are returned as text, bigint as a number, and other types as in pg', async (t) => {
  const { pool } = await createDatabase(t);
  const { rows } = await pool.query(
    `select '{"a" : 1}'::json as json, '{"b":2}'::jsonb as jsonb, null::json as none,
      count(*) as count, now() as now, true as yes from generate_series(1, 3)`,
  );
  const { now, ...rest } = rows[0];
  assert.deepEqual(rest, { json: '{"a" : 1}', jsonb: '{"b": 2}', none: null, count: 3, yes: true });
  assert.ok(now instanceof Date);
});

test('a pool survives the loss of its idle and its busy connections, and logs them', async (t) => {
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

test('a pool that has ended has no connection on the server, even if it was busy', async (t) => {
  const { url, pool: other } = await createDatabase(t);
  const count = 'select count(*) as count from pg_stat_activity where application_name = $1';
  for (const forCopy of [false, true]) {
    const pool = createPool({ url, max: 10, applicationName: 'ended', log: silentLog, forCopy });
    const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
    for (const client of clients) client.release();
    const [late] = await Promise.all([pool.connect(), pool.query('select pg_sleep(0.1)')]);
    const ended = pool.end();
    late.release();
    await ended;
    assert.deepEqual((await other.query(count, ['ended'])).rows, [{ count: 0 }]);
  }
});

test('a pool ends although the server cannot be reached', async (t) => {
  const { url } = await createDatabase(t);
  const proxy = await startProxy(t, url);
  const pool = createPool({ url: proxy.url, max: 2, applicationName: 'unreachable', log: silentLog });
  await pool.query('select 1');
  proxy.freeze();
  await pool.end();
});
