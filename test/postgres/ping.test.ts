import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createPing } from '../../src/postgres/ping.ts';
import { createPool } from '../../src/postgres/pools.ts';
import { createDatabase } from '../support/database.ts';
import { startProxy } from '../support/proxy.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const database = await createDatabase({ after });

test('a database that does not answer is reported although it never does, and so is its return', async (t) => {
  const proxy = await startProxy(t, database.url);
  const pool = createPool({ url: proxy.url, max: 2, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  const ping = createPing(pool);
  assert.equal(await ping(), true);
  proxy.freeze();
  // Probes come repeatedly while none has been answered.
  assert.deepEqual(await Promise.all(Array.from({ length: 20 }, ping)), Array(20).fill(false));
  assert.equal(await ping(), false);
  assert.ok(pool.totalCount + pool.waitingCount <= 3, 'nothing piles up');
  proxy.thaw();
  await waitFor(ping, { what: 'the database to be back' });
});

test('a pool whose connections are all in use for long counts as not answering', async (t) => {
  const pool = createPool({ url: database.url, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  const client = await pool.connect();
  const ping = createPing(pool);
  assert.equal(await ping(), false);
  client.release();
  assert.equal(await ping(), true);
});
