import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createPool } from '../../src/postgres/pools.ts';
import { withClient } from '../support/server.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';
import { isRunning, kill, makeDataDir, serverPid } from './data-dir.ts';

test('a used data directory', async (t) => {
  const dataDir = await makeDataDir(t);
  await dataDir.start();
  await dataDir.stopAll();
  t.afterEach(dataDir.stopAll);

  await t.test(
    'a start after kill -9 of the main process stops the orphaned server and keeps the data',
    async () => {
      const { child, url } = await dataDir.startProcess();
      await withClient(url as string, (client) => client.query('create table committed ()'));
      const orphan = await serverPid(dataDir.path);
      await kill(child);
      assert.ok(await isRunning(orphan), 'the server outlives its main process');

      const database = await dataDir.start();
      assert.equal(await isRunning(orphan), false);
      await withClient(database.url, (client) => client.query('select from committed'));
    },
  );

  await t.test('a start after kill -9 of all processes recovers', async () => {
    const { child, url } = await dataDir.startProcess();
    await withClient(url as string, (client) => client.query('create table recovered ()'));
    const server = await serverPid(dataDir.path);
    await kill(child);
    process.kill(server, 'SIGKILL');

    const database = await dataDir.start();
    await withClient(database.url, (client) => client.query('select from recovered'));
  });

  await t.test('a start is not hindered by stale pids that other processes now have', async (t) => {
    const cluster = join(dataDir.path, 'postgres');
    const { uid, gid } = await stat(cluster);
    const stranger = spawn('sleep', ['60'], { ...(process.getuid?.() === 0 && { uid, gid }) });
    t.after(() => kill(stranger));
    await once(stranger, 'spawn');
    const pidFile = join(cluster, 'postmaster.pid');
    await writeFile(
      pidFile,
      `${stranger.pid}\n${cluster}\n1700000000\n5432\n\n127.0.0.1\n  5432001         0\nready   \n`,
    );
    await chown(pidFile, uid, gid);
    await writeFile(join(dataDir.path, 'batchwright.pid'), `${stranger.pid}\n`);

    const database = await dataDir.start();
    await database.stop();
    assert.equal(stranger.exitCode ?? stranger.signalCode, null);
  });

  await t.test(
    'a start fails with one line while another process uses the folder, and leaves that process alone',
    async () => {
      const { child, url } = await dataDir.startProcess();
      await assert.rejects(dataDir.start(), {
        message: `DATA_DIR ${dataDir.path} is in use by another Batchwright (pid ${child.pid}); stop it or set another DATA_DIR`,
      });
      await withClient(url as string, (client) => client.query('select 1'));
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      assert.deepEqual(await exited, [0, null]);
      await assert.rejects(serverPid(dataDir.path), { code: 'ENOENT' });
    },
  );

  await t.test('a killed server comes back on its port and the pools continue', async (t) => {
    const lines: string[] = [];
    const note = (_: object, message: string) => void lines.push(message);
    const database = await dataDir.start({ info: note, warn: note, error: note });
    const pool = createPool({ url: database.url, max: 2, applicationName: 'test', log: silentLog });
    t.after(() => pool.end());
    await pool.query('select 1');
    const killed = await serverPid(dataDir.path);
    process.kill(killed, 'SIGKILL');

    await waitFor(async () => lines.at(-1) === 'The embedded database is back', { what: 'the new server' });
    assert.ok(lines.includes('The embedded database ended; starting it again'));
    assert.notEqual(await serverPid(dataDir.path), killed);
    await pool.query('select 1');
  });

  await t.test('the embedded database can be stopped while its server is being restarted', async () => {
    const database = await dataDir.start();
    const killed = await serverPid(dataDir.path);
    process.kill(killed, 'SIGKILL');
    await waitFor(async () => !(await isRunning(killed)), {
      what: 'the server to be gone',
    });
    await database.stop();
    const last = await serverPid(dataDir.path).catch(() => killed);
    assert.equal(await isRunning(last), false);
  });

  await t.test('a server that cannot be restarted is given up, with the reason from its log', async () => {
    const database = await dataDir.start(silentLog, 1);
    const configuration = join(dataDir.path, 'postgres/postgresql.conf');
    const good = await readFile(configuration);
    await appendFile(configuration, "\nshared_buffers = 'nonsense'\n");
    process.kill(await serverPid(dataDir.path), 'SIGKILL');
    assert.match(
      await database.lost,
      /^The embedded database ended and cannot be started again: .*shared_buffers.*nonsense/s,
    );
    await database.stop();
    await writeFile(configuration, good);
  });

  await t.test("a start that fails reports the last lines of the server's log", async () => {
    const configuration = join(dataDir.path, 'postgres/postgresql.conf');
    const good = await readFile(configuration);
    await appendFile(configuration, "\nshared_buffers = 'nonsense'\n");
    await assert.rejects(dataDir.start(), /did not start \(exit code 1\): .*shared_buffers.*nonsense/s);
    await writeFile(configuration, good);
    await (await dataDir.start()).stop();
  });

  await t.test('a lost password file is named in the error', async () => {
    const file = join(dataDir.path, 'postgres-password');
    const password = await readFile(file, 'utf8');
    await writeFile(file, 'another');
    await assert.rejects(dataDir.start(), /refuses the password/);
    await writeFile(file, '');
    await assert.rejects(dataDir.start(), /postgres-password is empty: restore it/);
    await writeFile(file, password);
  });
});
