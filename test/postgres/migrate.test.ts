import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { migrate, withMigrationLock } from '../../src/postgres/migrate.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog as log } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const schema = 'orders';

test('migrations run once, in the order of their numbers, in a schema of their own', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '010_rename.sql': 'alter table thing rename to item',
    '001_thing.sql': 'create table thing (id int); -- the first',
    '002_more.sql': "alter table thing add name text default 'a;b';\ncreate index on thing (name);\n",
    'README.md': 'Not a migration.',
  });
  await migrate({ url, schema, directory, log });
  await migrate({ url, schema, directory, log });

  await pool.query('select id, name from orders.item');
  const { rows } = await pool.query('select name from orders.migration order by id');
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['001_thing', '002_more', '010_rename'],
  );
});

test('processes that start at once run each migration once between them', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '001_thing.sql': 'create table thing (id int)',
    '002_more.sql': 'alter table thing add name text',
  });
  let waiting = 0;
  const counting = { ...log, info: () => void waiting++ };
  const { starting } = await withMigrationLock(url, log, async () => {
    const starting = [1, 2, 3].map(() => migrate({ url, schema, directory, log: counting }));
    await waitFor(async () => waiting === 3, { what: 'all of them to wait for the lock' });
    return { starting };
  });
  await Promise.all(starting);
  assert.equal((await pool.query('select from orders.migration')).rowCount, 2);
});

test('waits, and says so, while another process holds the lock', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, { '001_thing.sql': 'create table thing ()' });
  const lines: string[] = [];
  const noting = { ...log, info: (_: object, message: string) => void lines.push(message) };
  const { waiting } = await withMigrationLock(url, log, async () => {
    const waiting = migrate({ url, schema, directory, log: noting });
    await waitFor(async () => lines.includes('Waiting for another process to finish its migrations'), {
      what: 'the other to wait',
    });
    return { waiting };
  });
  await waiting;
  await pool.query('select from orders.thing');
});

test('the lock ends with a transaction: behind a pooler a session outlives its client', async (t) => {
  const { url, pool } = await createDatabase(t);
  await withMigrationLock(url, log, async () => {
    const { rows } = await pool.query(
      `select state from pg_locks join pg_stat_activity using (pid)
       where locktype = 'advisory' and application_name = 'batchwright migrate'`,
    );
    assert.deepEqual(rows, [{ state: 'idle in transaction' }]);
  });
});

test('several folders are migrated under the one lock, each in its schema', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, { '001_thing.sql': 'create table thing ()' });
  await withMigrationLock(url, log, async (client) => {
    await migrate({ client, schema: 'orders', directory, log });
    await migrate({ client, schema: 'invoices', directory, log });
    const { rows } = await client.query('show search_path');
    assert.equal(rows[0].search_path, '"$user", public');
  });
  await pool.query('select from orders.thing, invoices.thing');
});

test('a migration that fails is named, leaves nothing behind and can be mended', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '001_good.sql': 'create table good ()',
    '002_bad.sql': 'create table half (); create tabel other ();',
  });
  await assert.rejects(migrate({ url, schema, directory, log }), {
    message: `Migration ${directory}/002_bad.sql failed: syntax error at or near "tabel"`,
  });
  await pool.query('select from orders.good');
  await assert.rejects(pool.query('select from orders.half'), /does not exist/);

  await writeFile(join(directory, '002_bad.sql'), 'create table half ()');
  await migrate({ url, schema, directory, log });
  await pool.query('select from orders.half');
});

test('a migration that should have run before those that have is refused', async (t) => {
  const { url } = await createDatabase(t);
  const directory = await makeFolder(t, { '002_b.sql': 'create table b ()' });
  await migrate({ url, schema, directory, log });
  await writeFile(join(directory, '001_a.sql'), 'create table a ()');
  await assert.rejects(
    migrate({ url, schema, directory, log }),
    /001_a is preceding already run migration 002_b/,
  );
});

async function makeFolder(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-migrations-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'subfolder'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}
