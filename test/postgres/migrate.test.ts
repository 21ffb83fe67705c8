import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StartError } from '../../src/domain/start-error.ts';
import { migrate, withMigrationLock } from '../../src/postgres/migrate.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog as log } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const schema = 'orders';
const TABLES: Record<string, string> = {
  '001_a.sql': 'create table a ()',
  '002_b.sql': 'create table b ()',
};

test('migrations run once, in the order of their numbers, in their own schema', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '010_rename.sql': 'alter table thing rename to item',
    '001_thing.sql': 'create table thing (id int); -- the first',
    '002_more.sql': "alter table thing add name text default 'a;b';\ncreate index on thing (name);\n",
    'README.md': 'Not a migration.',
  });
  const lines: object[] = [];
  const noting = {
    ...log,
    info: (fields: object, message: string) => void lines.push({ ...fields, message }),
  };
  await migrate({ url, schema, directory, log: noting });
  await migrate({ url, schema, directory, log: noting });
  assert.deepEqual(lines, [{ schema, migrations: '001_thing, 002_more, 010_rename', message: 'Migrated' }]);

  await pool.query('select id, name from orders.item');
  const { rows } = await pool.query('select name from orders.migration order by id');
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['001_thing', '002_more', '010_rename'],
  );
});

test('concurrent processes run each migration once in total', async (t) => {
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

test('a migration waits, and logs it, while another process holds the lock', async (t) => {
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

test('the lock ends with a transaction, because behind a pooler a session outlives its client', async (t) => {
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

test('a migration that fails is named, leaves nothing behind and can be corrected', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '001_good.sql': 'create table good ()',
    '002_bad.sql': 'create table half (); create tabel other ();',
  });
  await assert.rejects(migrate({ url, schema, directory, log }), {
    message: `Migration ${directory}/002_bad.sql failed at line 1: syntax error at or near "tabel"`,
  });
  await pool.query('select from orders.good');
  await assert.rejects(pool.query('select from orders.half'), /does not exist/);

  await writeFile(join(directory, '002_bad.sql'), 'create table half ()');
  await migrate({ url, schema, directory, log });
  await pool.query('select from orders.half');
});

/**
 * The migrations that have run, the folder's files after that, and the line that refuses it; DIR stands for
 * the folder.
 */
const refused: [what: string, ran: string[], now: Record<string, string | null>, line: string][] = [
  [
    'is changed after it ran',
    ['001_a.sql', '002_b.sql'],
    { '001_a.sql': 'create table a (other int)' },
    'DIR/001_a.sql has been changed since it ran in this database: restore it, and put the change into a new migration',
  ],
  [
    'is removed after it ran',
    ['001_a.sql', '002_b.sql'],
    { '001_a.sql': null },
    'DIR/001_a.sql is missing, and has run in this database: restore it, and undo it in a new migration if need be',
  ],
  [
    'is another one by the same number',
    ['001_a.sql'],
    { '001_a.sql': null, '001_aaa.sql': 'create table other ()' },
    'DIR/001_a.sql is missing, and has run in this database: restore it, and undo it in a new migration if need be',
  ],
  [
    'is renamed after it ran',
    ['001_a.sql'],
    { '001_a.sql': null, '002_a.sql': TABLES['001_a.sql'] ?? '' },
    'DIR/002_a.sql has run in this database as 001_a.sql: give it that name back',
  ],
  [
    'comes before one that has run',
    ['002_b.sql'],
    { '001_a.sql': '' },
    'DIR/001_a.sql comes before 002_b.sql, which has run in this database: give it a higher number',
  ],
  [
    'has the number of one that has run',
    ['001_a.sql'],
    { '001_b.sql': '' },
    'DIR/001_b.sql has the same number as 001_a.sql, which has run in this database: give it the next free number',
  ],
  [
    'has the number of another, written otherwise',
    [],
    { '1_a.sql': '', '001_b.sql': '' },
    'DIR/1_a.sql has the same number as 001_b.sql: give it the next free number',
  ],
  [
    'would be run in part only',
    ['001_a.sql'],
    { '002_b.sql': 'create table b ();\n-- Down migration: none\ncreate table c ();' },
    'DIR/002_b.sql: a comment that begins with "up migration" or "down migration" divides the file: change it, because there are no down migrations',
  ],
  ...['4.sql', '5-dash.sql', '006_x.SQL', 'seven.sql', '008_x.ts', "009_it's.sql", '010_x.sql/a.sql'].map(
    (name): [string, string[], Record<string, string>, string] => [
      `is named ${name}`,
      ['001_a.sql'],
      { [name]: '' },
      `DIR/${name.split('/')[0]}: a migration is a file like 001_tables.sql: digits, an underscore, a name, and .sql`,
    ],
  ),
];

for (const [what, ran, now, line] of refused)
  test(`a migration that ${what} is refused, and nothing is run`, async (t) => {
    const { url, pool } = await createDatabase(t);
    const directory = await makeFolder(t, Object.fromEntries(ran.map((name) => [name, TABLES[name] ?? ''])));
    await migrate({ url, schema, directory, log });
    await change(directory, { ...now, '099_last.sql': 'create table last ()' });
    await assert.rejects(migrate({ url, schema, directory, log }), {
      constructor: StartError,
      message: line.replaceAll('DIR', directory),
    });
    await assert.rejects(pool.query('select from orders.last'), /does not exist/);
  });

test('documents, hidden files and backups in the folder are ignored', async (t) => {
  const { url } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '001_a.sql': '',
    'README.md': '',
    '.DS_Store': '',
    '001_a.sql~': '',
    '001_a.sql.orig': '',
  });
  await migrate({ url, schema, directory, log });
});

test('a migration may have the line ends of another system', async (t) => {
  const { url } = await createDatabase(t);
  const directory = await makeFolder(t, { '001_a.sql': 'create table a ();\ncreate table b ();\n' });
  await migrate({ url, schema, directory, log });
  await change(directory, { '001_a.sql': 'create table a ();\r\ncreate table b ();\r\n' });
  await migrate({ url, schema, directory, log });
});

test('a database from a release without checksums gets those of the current files', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, { '001_a.sql': 'create table a ()' });
  await migrate({ url, schema, directory, log });
  await pool.query('alter table orders.migration drop column checksum');
  await change(directory, { '001_a.sql': 'create table a (); -- the same' });
  await migrate({ url, schema, directory, log });
  await change(directory, { '001_a.sql': 'create table a (id int)' });
  await assert.rejects(migrate({ url, schema, directory, log }), /001_a\.sql has been changed/);
});

test('a migration that fails leaves the checksums of earlier ones', async (t) => {
  const { url } = await createDatabase(t);
  const directory = await makeFolder(t, { '001_a.sql': 'create table a ()', '002_b.sql': 'no SQL' });
  await assert.rejects(migrate({ url, schema, directory, log }), /002_b\.sql failed/);
  await change(directory, { '001_a.sql': 'create table a (id int)' });
  await assert.rejects(migrate({ url, schema, directory, log }), /001_a\.sql has been changed/);
});

test('the previous release starts beside a later one, and logs it', async (t) => {
  const { url } = await createDatabase(t);
  const later = await makeFolder(t, TABLES);
  await migrate({ url, schema, directory: later, log });
  const before = await makeFolder(t, { '001_a.sql': TABLES['001_a.sql'] ?? '' });
  const warnings: unknown[] = [];
  await migrate({
    url,
    schema,
    directory: before,
    log: { ...log, warn: (...line) => void warnings.push(line) },
  });
  assert.deepEqual(warnings, [
    [{ schema, migrations: ['002_b'] }, 'The database has migrations of a later release'],
  ]);
});

test('migration numbers may be times of 17 digits', async (t) => {
  const { url, pool } = await createDatabase(t);
  const directory = await makeFolder(t, {
    '20260101000000001_b.sql': 'create table b (); insert into a values (1)',
    '20260101000000000_a.sql': 'create table a (id int)',
  });
  await migrate({ url, schema, directory, log });
  await pool.query('select from orders.b');
});

/** Writes files, and removes those that are null. */
async function change(folder: string, files: Record<string, string | null>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    if (text === null) await rm(file);
    else {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }
}

async function makeFolder(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-migrations-'));
  t.after(() => rm(folder, { recursive: true }));
  await change(folder, files);
  return folder;
}
