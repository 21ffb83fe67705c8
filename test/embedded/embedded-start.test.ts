import assert from 'node:assert/strict';
import { chown, readdir, readlink, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { canReach } from '../../src/embedded/owner.ts';
import { withClient } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { kill, makeDataDir, spawnMain } from './data-dir.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65534, gid: 65534 };

const unlessRoot = !isRoot && 'needs root';

test('a first start', async (t) => {
  const dataDir = await makeDataDir(t);
  const first = await dataDir.start();

  await t.test('a first start creates a UTF-8 database on loopback with default durability', () =>
    withClient(first.url, async (client) => {
      await client.query("create table kept as select 'Zoë' as name");
      const { rows } = await client.query(
        `select current_database() as database, getdatabaseencoding() as encoding,
        current_setting('fsync') || current_setting('synchronous_commit') as durability,
        current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets`,
      );
      assert.deepEqual(rows[0], {
        database: 'batchwright',
        encoding: 'UTF8',
        durability: 'onon',
        addresses: '127.0.0.1',
        sockets: '',
      });
    }),
  );

  await t.test('a first start creates a password that is required and stored in a private file', async () => {
    const wrong = Object.assign(new URL(first.url), { password: 'wrong' }).href;
    await assert.rejects(
      withClient(wrong, async () => undefined),
      /password authentication failed/,
    );
    assert.equal((await stat(join(dataDir.path, 'postgres-password'))).mode & 0o777, 0o600);
  });

  await t.test('a start as root runs the server as another user', { skip: unlessRoot }, async () => {
    assert.notEqual((await stat(join(dataDir.path, 'postgres'))).uid, 0);
  });

  await t.test('a second start finds the database', async () => {
    await Promise.all([first.stop(), first.stop()]);
    const second = await dataDir.start();
    await withClient(second.url, async (client) => {
      assert.deepEqual((await client.query('select name from kept')).rows, [{ name: 'Zoë' }]);
    });
  });
});

test('an ordinary user starts the database in place', { skip: unlessRoot }, async (t) => {
  if (!(await canReach(import.meta.dirname, NOBODY)))
    return t.skip('this checkout is below a folder closed to other users, such as /root');
  const dataDir = await makeDataDir(t);
  await chown(dataDir.path, NOBODY.uid, NOBODY.gid);
  const { url, error } = await dataDir.startProcess(NOBODY);
  assert.equal(error, undefined);
  await withClient(url as string, (client) => client.query('select 1'));
  assert.ok((await stat(join(dataDir.path, 'postgres'))).isDirectory());
});

test('below a folder closed to the server the cluster is stored elsewhere', {
  skip: unlessRoot,
}, async (t) => {
  const dataDir = await makeDataDir(t, 'home/.data');
  const first = await dataDir.start();
  await withClient(first.url, (client) => client.query('create table kept ()'));
  await first.stop();
  const cluster = await readlink(join(dataDir.path, 'postgres'));
  assert.match(cluster, /\/batchwright[^/]*\/data-[^/]+\/postgres$/);

  const second = await dataDir.start();
  await withClient(second.url, (client) => client.query('select from kept'));
  assert.equal(await readlink(join(dataDir.path, 'postgres')), cluster);
});

test('a linked cluster that is gone is named in the error, and not created again', async (t) => {
  const dataDir = await makeDataDir(t);
  await symlink(join(dataDir.path, 'gone/postgres'), join(dataDir.path, 'postgres'));
  await assert.rejects(dataDir.start(), /postgres points to .*gone\/postgres, which is gone/);
});

test('of two starts on an empty folder one succeeds and the other fails with one line', async (t) => {
  const dataDir = await makeDataDir(t);
  const starts = await Promise.allSettled([dataDir.start(), dataDir.start()]);
  const failed = starts.find((start) => start.status === 'rejected');
  assert.match(String(failed?.reason.message), /^DATA_DIR .* is in use by another Batchwright \(pid \d+\)/);
  const won = starts.find((start) => start.status === 'fulfilled');
  await withClient(String(won?.value.url), (client) => client.query('select 1'));
});

test('a first start killed in the middle leaves nothing that hinders the next', async (t) => {
  const dataDir = await makeDataDir(t);
  const child = spawnMain(dataDir.path, dataDir.path);
  t.after(() => kill(child));
  await waitFor(async () => (await readdir(dataDir.path)).some((name) => name.startsWith('postgres-init-')), {
    what: 'initdb to be at work',
  });
  await kill(child);

  const { url } = await dataDir.start();
  await withClient(url, (client) => client.query('select 1'));
  const left = (await readdir(dataDir.path)).filter((name) => /^postgres-init-/.test(name));
  assert.deepEqual(left, []);
});
