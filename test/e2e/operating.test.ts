/**
 * Runs the examples of docs/operating.md: the systemd unit's command, nginx in front of the product, a
 * backup.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { readBlock } from '../docs/pages.ts';
import { kill } from '../embedded/data-dir.ts';
import { bareEnvironment, holdJobs, keptKey, makeHome, NOBODY, ROOT } from '../main/product.ts';
import { withClient } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { freePort } from './pasting.ts';

const PAGE = 'docs/operating.md';
const run = promisify(execFile);
const has = (program: string, argument: string) =>
  run(program, [argument]).then(
    () => true,
    () => false,
  );

suite('docs/operating.md', { timeout: 300_000 }, async () => {
  const hasSystemd = await has('systemd-analyze', '--version');
  const hasNginx = (await has('nginx', '-v')) && (await has('openssl', 'version'));

  test('systemd accepts the unit of docs/operating.md', { skip: !hasSystemd && 'no systemd' }, async (t) => {
    const { folder } = await makeHome(t);
    const path = join(folder, 'batchwright.service');
    await writeFile(path, (await readUnit()).replaceAll('/opt/batchwright', ROOT));
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', path]);
    assert.equal(
      stderr
        .split('\n')
        .filter((line) => line.includes('batchwright'))
        .join('\n'),
      '',
    );
  });

  test('the unit starts the same as npm start, and stops with a signal to its one process', async (t) => {
    const [, command = ''] =
      /^ExecStart=\/opt\/batchwright\/node_modules\/\.bin\/(.*)$/m.exec(await readUnit()) ?? [];
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    assert.ok(scripts.start.endsWith(`exec ${command}`), command);

    let child: ChildProcess | undefined;
    // Before the folders that it works in are removed.
    t.after(() => child && kill(child));
    const home = await makeHome(t);
    const [program = '', ...args] = command.split(' ');
    child = spawn(join(ROOT, 'node_modules/.bin', program), args, {
      cwd: ROOT,
      env: { ...bareEnvironment(home.folder), DATA_DIR: home.dataDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout?.on('data', (piece: Buffer) => {
      printed += piece;
    });
    await waitFor(async () => printed.includes('worker ready'), { what: 'the worker', timeoutMs: 200_000 });
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    assert.deepEqual(await home.processes(), []);
  });

  test('nginx passes on large bodies, streams and events', { skip: !hasNginx && 'no nginx' }, async (t) => {
    const home = await makeHome(t);
    const site = await home.start().ready();
    const port = await startNginx(t, home.folder, new URL(site.url).port);
    const send = (path: string, init: { body?: string; headers?: Record<string, string> } = {}) =>
      sendTls(port, path, { ...init, headers: { authorization: `Bearer ${site.key}`, ...init.headers } });
    await waitFor(async () => (await send('/readyz').catch(() => null))?.status === 200, { what: 'nginx' });

    const job = (n: number) =>
      JSON.stringify({
        namespace: 'contact',
        action: 'addOrUpdateContact',
        params: {
          firstName: 'Ada',
          lastName: `Lovelace ${n} ${'x'.repeat(200)}`,
          email: `ada-${n}@example.com`,
        },
      });
    const lines = Array.from({ length: 8000 }, (_, n) => `${job(n)}\n`).join('');
    assert.ok(lines.length > 2 * 1024 * 1024, 'more than nginx takes by itself');
    const taken = await send('/v1/batches', {
      body: lines,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    assert.equal(taken.status, 202, taken.body);
    const { asyncId } = JSON.parse(taken.body);
    const events = await send(`/v1/batches/${asyncId}/events`);
    assert.match(events.body, /^event: finished$/m);
    const results = await send(`/v1/batches/${asyncId}/results`, {
      headers: { accept: 'application/x-ndjson' },
    });
    assert.equal(results.body.split('\n').length - 1, 8000);
    const refused = await send('/v1/batches', { body: 'x'.repeat(3 * 1024 * 1024) });
    assert.equal(refused.status, 400);
    assert.match(refused.body, /"specificCode":24092/);
  });

  test('the collector of docs/operating.md prints the spans of the batch that is sent there', async (t) => {
    let shell: ChildProcess | undefined;
    // Before the folders that it works in are removed.
    t.after(async () => {
      if (!shell?.pid || shell.exitCode !== null) return;
      const exited = once(shell, 'exit');
      process.kill(-shell.pid, 'SIGTERM');
      await exited;
    });
    const home = await makeHome(t);
    const port = String(await freePort());
    const pasted = (block: string) => block.replaceAll('4318', port).replaceAll('/tmp/', `${home.folder}/`);
    const env = { ...bareEnvironment(home.folder), DATA_DIR: home.dataDir };
    // A group of its own, which ends with the test: the collector is in the background.
    shell = spawn('bash', ['-c', pasted(await readBlock(PAGE, 'Traces', 'sh'))], {
      cwd: ROOT,
      env: { ...env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    let printed = '';
    shell.stdout?.on('data', (piece: Buffer) => {
      printed += piece;
    });
    const url = await waitFor(async () => /"msg":"Batchwright is ready at (http:[^"]+)"/.exec(printed)?.[1], {
      what: 'the start',
      timeoutMs: 200_000,
    });
    const sent = await readBlock(PAGE, 'Traces', 'bash');
    await run('bash', ['-c', sent.replace('http://127.0.0.1:3000', url)], { cwd: ROOT, env });
    const spans = (await readBlock(PAGE, 'Traces', 'txt')).trim().split('\n');
    await waitFor(async () => spans.every((line) => printed.split('\n').includes(line)), {
      what: 'the spans in the document',
    });
  });

  test('a restored backup has all batches', async (t) => {
    const home = await makeHome(t);
    const dataDir = join(home.folder, '.data');
    const first = home.start({ DATA_DIR: dataDir });
    const site = await first.ready();
    const params = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
    const asyncId = await site.run([{ namespace: 'contact', action: 'addOrUpdateContact', params }]);
    const results = await site.results(asyncId);
    first.signalAll('SIGTERM');
    assert.equal((await first.exited).code, 0);

    const block = await readBlock(PAGE, 'Backup and restore', 'sh');
    assert.match(block, /^DATA_DIR=restored npm start\n$/m);
    await run('bash', ['-ec', block.replace(/^DATA_DIR=.*$/m, '')], { cwd: home.folder });
    const restored = join(home.folder, 'restored');
    const again = await home.start({ DATA_DIR: restored }).ready(await keptKey(restored));
    assert.deepEqual(await again.results(asyncId), results);
  });

  const programs = await postgresPrograms();
  test('a database that was saved while a batch ran, and restored, finishes the batch', {
    skip: programs === undefined && 'no Postgres with pg_dump',
  }, async (t) => {
    const home = await makeHome(t);
    const databaseUrl = await startPostgres(t, home.folder, programs ?? '');
    const key = 'the-admin-key-of-the-backup';
    const product = (url: string) => home.start({ DATABASE_URL: url, ADMIN_KEY: key });
    const first = product(databaseUrl);
    const site = await first.ready(key);
    const ping = { namespace: 'test', action: 'ping', params: {} };
    const before = await site.run([ping]);
    const results = await site.results(before);
    const hold = holdJobs(home.folder, 2);
    const running = await site.run([...hold.jobs, ping]);
    await waitFor(async () => (await hold.started()).length === 2, { what: 'the jobs that are held' });

    const paste = async (heading: string) =>
      run('bash', ['-ec', (await readBlock(PAGE, heading, 'sh')).replace(/^.*npm start$/m, '')], {
        cwd: home.folder,
        env: { PATH: `${programs}:${process.env.PATH}`, DATABASE_URL: databaseUrl },
      });
    await paste('Backup of a running system');
    const after = await site.run([ping]);
    await site.results(after);
    await writeFile(hold.until, '');
    first.signalAll('SIGTERM');
    assert.equal((await first.exited).code, 0);

    await paste('Restore');
    const restored = new URL(databaseUrl);
    restored.pathname = '/batchwright_restored';
    const again = await product(restored.href).ready(key);
    assert.deepEqual(await again.results(before), results);
    const finished = await again.results(running, 60_000);
    assert.deepEqual(
      finished.map(({ status }) => status),
      ['succeeded', 'succeeded', 'succeeded'],
    );
    assert.equal((await again.rpc('progress', { async: after })).status, 404);
  });
});

/** The folder with the programs of an installed Postgres, as Debian has them, or as they are in the path. */
async function postgresPrograms(): Promise<string | undefined> {
  const { stdout } = await run('bash', [
    '-c',
    'ls -d /usr/lib/postgresql/*/bin "$(pg_config --bindir)"',
  ]).catch(({ stdout }: { stdout: string }) => ({ stdout }));
  for (const folder of stdout.split('\n').filter(Boolean).reverse()) {
    const { stdout: version } = await run(join(folder, 'postgres'), ['--version']).catch(() => ({
      stdout: '',
    }));
    const [, major = '0'] = /(\d+)/.exec(version) ?? [];
    if (Number(major) >= 15 && existsSync(join(folder, 'pg_dump'))) return folder;
  }
  return undefined;
}

/** Starts an installed Postgres; returns the address of its one database. As root it runs as another user. */
async function startPostgres(t: TestContext, home: string, programs: string): Promise<string> {
  const folder = join(home, 'own-postgres');
  await mkdir(folder);
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  if (user) await chown(folder, user.uid, user.gid);
  const options = { ...user, cwd: folder, env: { PATH: process.env.PATH } };
  const data = join(folder, 'data');
  await run(join(programs, 'initdb'), ['-D', data, '-U', 'owner', '--auth=trust', '--no-sync'], options);
  const port = await freePort();
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
    { ...options, stdio: 'ignore' },
  );
  t.after(async () => {
    const exited = once(server, 'exit');
    server.kill('SIGINT');
    await exited;
  });
  const url = `postgres://owner@127.0.0.1:${port}`;
  const create = () =>
    withClient(`${url}/postgres`, (client) => client.query('create database jobs')).catch(() => null);
  await waitFor(create, { what: 'Postgres' });
  return `${url}/jobs`;
}

async function readUnit(): Promise<string> {
  return await readBlock(PAGE, 'systemd', 'ini');
}

/** Starts nginx with the page's configuration; only ports and paths differ. Returns its port. */
async function startNginx(t: TestContext, home: string, apiPort: string): Promise<number> {
  const folder = join(home, 'nginx');
  await mkdir(folder);
  const port = await freePort();
  const site = (await readBlock(PAGE, 'A proxy in front', 'nginx'))
    .replace('server 127.0.0.1:3000;', `server 127.0.0.1:${apiPort};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`)
    .replace(/\/etc\/ssl\/\S+\.pem/, `${folder}/certificate.pem`)
    .replace(/\/etc\/ssl\/\S+\.key/, `${folder}/key.pem`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const configuration = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {} http { access_log off; ${temporary.join(' ')} ${site} }`;
  await writeFile(join(folder, 'nginx.conf'), configuration);
  const newKey = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=batch.example.com',
  ];
  await run('openssl', [
    ...newKey,
    '-keyout',
    join(folder, 'key.pem'),
    '-out',
    join(folder, 'certificate.pem'),
  ]);
  const args = ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  await run('nginx', ['-t', ...args]);
  const nginx = spawn('nginx', args, { stdio: 'ignore' });
  t.after(() => kill(nginx));
  return port;
}

async function sendTls(
  port: number,
  path: string,
  { body, headers }: { body?: string; headers: Record<string, string> },
): Promise<{ status: number; body: string }> {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request({ host: '127.0.0.1', port, path, method, headers, rejectUnauthorized: false });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  return { status: answer.statusCode, body: await text(answer) };
}
