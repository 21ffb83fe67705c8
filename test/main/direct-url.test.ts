import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SERVER_VARIABLE, withClient } from '../support/server.ts';
import { createEmptyDatabase } from './empty-database.ts';
import { makeHome } from './product.ts';

const ADMIN_KEY = 'an admin key with spaces';

test('DATABASE_DIRECT_URL is used for migrations and the queue, and DATABASE_URL for all else', async (t) => {
  const databaseUrl = await createEmptyDatabase(t);
  const direct = new URL(databaseUrl);
  direct.username = await createRole(t, direct.password);
  const home = await makeHome(t);
  const product = home.startWithoutNpm({
    DATABASE_URL: databaseUrl,
    DATABASE_DIRECT_URL: direct.href,
    ADMIN_KEY,
    ROLE: 'api',
  });
  await product.ready(ADMIN_KEY);

  await withClient(databaseUrl, async (client) => {
    const owner = await client.query(`select tableowner from pg_tables where tablename = 'batch'`);
    assert.deepEqual(owner.rows, [{ tableowner: direct.username }]);
    const users = await client.query(
      `select distinct application_name as name, usename = $1 as direct from pg_stat_activity
       where datname = current_database() and application_name like 'batchwright api%' order by name`,
      [direct.username],
    );
    assert.deepEqual(users.rows, [
      { name: 'batchwright api', direct: false },
      { name: 'batchwright api queue', direct: true },
    ]);
  });
  product.signalAll('SIGTERM');
  await product.exited;
});

/** A user of the server, to tell connections apart; dropped when the test ends. */
async function createRole(t: { after(fn: () => Promise<void>): void }, password: string): Promise<string> {
  const server = process.env[SERVER_VARIABLE] ?? '';
  const name = `direct_${randomBytes(6).toString('hex')}`;
  const encoded = decodeURIComponent(password).replaceAll("'", "''");
  await withClient(server, (client) =>
    client.query(`create role ${name} superuser login password '${encoded}'`),
  );
  t.after(() =>
    withClient(server, async (client) => {
      await client.query(`drop role ${name}`);
    }),
  );
  return name;
}
