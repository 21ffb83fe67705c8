import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { serverPid } from '../embedded/data-dir.ts';
import { type SigningKey, sendSigned } from '../support/signed.ts';
import { waitFor } from '../support/wait.ts';
import { bareEnvironment, holdJobs, keptKey, makeHome, READY, ROOT, type Site } from './product.ts';
import { startFailure } from './start-failure.ts';

const hasCurl = await promisify(execFile)('curl', ['--version']).then(
  () => true,
  () => false,
);

const VALIDATE = {
  path: '/batch?action=validate',
  body: '{"jobs":[{"namespace":"test","action":"echo","params":{}}]}',
};

async function makeSigner({ url, key }: Site): Promise<SigningKey> {
  const response = await fetch(`${url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: '{"name":"signs","permissions":["test.*"],"signing":"IWS"}',
  });
  return (await response.json()) as SigningKey;
}

test('npm start with only a data directory', async (t) => {
  const home = await makeHome(t);
  const { dataDir, folder } = home;
  const first = home.start({ LOG_LEVEL: 'trace' });
  const site = await first.ready();
  const held = holdJobs(folder, 3);
  // The operator knows only what is printed.
  const shell = { cwd: ROOT, env: bareEnvironment(folder) };
  let heldBatch: string;
  let signer: SigningKey;

  await t.test('npm start writes only lines of JSON when its output is not a terminal', () => {
    // npm's own two lines come first.
    const lines = first
      .stdout()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('> '));
    assert.ok(lines.length > 2, `${lines.length} lines`);
    for (const line of lines) assert.equal(typeof JSON.parse(line).msg, 'string', line);
  });

  await t.test('npm start generates an admin key, and logs its place instead of the key', async () => {
    const [line] = await first.says(READY);
    const { url, adminKeyFile, showAdminKey } = JSON.parse(line);
    assert.deepEqual([url, adminKeyFile], [site.url, join(dataDir, 'admin-key')]);
    const { stdout } = await promisify(execFile)('sh', ['-c', showAdminKey], shell);
    assert.equal(stdout, `${site.key}\n`);
    assert.match(site.key, /^bw_admin_[0-9a-f]{48}$/);
    assert.equal(await keptKey(dataDir), site.key);
    assert.equal((await stat(join(dataDir, 'admin-key'))).mode & 0o777, 0o600);
  });

  await t.test(
    'npm start stores the key that encrypts secrets in another private file, and never prints it',
    async () => {
      const secretKey = (await readFile(join(dataDir, 'secret-key'), 'utf8')).trim();
      assert.match(secretKey, /^[0-9a-f]{64}$/);
      assert.equal((await stat(join(dataDir, 'secret-key'))).mode & 0o777, 0o600);
      assert.ok(!first.stdout().includes(secretKey));
      signer = await makeSigner(site);
      assert.equal((await sendSigned(site.url, signer, VALIDATE)).status, 200);
    },
  );

  await t.test('npm start prints a command that can be run', { skip: !hasCurl && 'needs curl' }, async () => {
    const [line] = await first.says(READY);
    const { stdout } = await promisify(execFile)('sh', ['-c', JSON.parse(line).tryNext], shell);
    const { asyncId } = JSON.parse(stdout);
    const [result] = await site.results(asyncId);
    assert.equal(result.status, 'succeeded');
  });

  await t.test('npm start replaces a worker that dies', async () => {
    const workers = () => first.logged().filter(({ msg }) => msg === 'worker ready');
    const [worker] = await waitFor(async () => workers().length === 1 && workers(), { what: 'the worker' });
    process.kill(worker?.pid as number, 'SIGKILL');
    await waitFor(async () => workers().length === 2, { what: 'another worker', timeoutMs: 20_000 });
    const asyncId = await site.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
    assert.deepEqual((await site.results(asyncId))[0].response, { n: 1 });
  });

  await t.test('npm start fails with one line when the port is taken, and changes nothing', async (t) => {
    const other = await makeHome(t);
    const { port } = new URL(site.url);
    const line = await startFailure(other, { PORT: port });
    assert.equal(line, `PORT=${port} is taken: stop what uses it or set another PORT`);
    await assert.rejects(readdir(other.dataDir), { code: 'ENOENT' });
  });

  await t.test('npm start says so when the server of the data directory has the port', async () => {
    const { port } = new URL(site.url);
    assert.equal(
      await startFailure(home, { PORT: port }),
      `the Batchwright of DATA_DIR ${dataDir} runs already, at http://127.0.0.1:${port} (pid ${first.logged()[0]?.pid}): use it, stop it, or set another DATA_DIR and PORT`,
    );
  });

  await t.test('npm start fails with one line when another process uses the data directory', async () => {
    const { pid } = first.logged().find(({ msg }) => msg === 'Migrated') ?? {};
    assert.equal(
      await startFailure(home),
      `DATA_DIR ${dataDir} is in use by another Batchwright (pid ${pid}); stop it or set another DATA_DIR`,
    );
    assert.equal((await site.rpc('validate', { jobs: held.jobs })).status, 200);
  });

  await t.test('a second Ctrl-C changes nothing: running jobs end and the rest is released', async () => {
    heldBatch = await site.run(held.jobs);
    // The action runs two at once.
    await waitFor(async () => (await held.started()).length === 2, { what: 'two jobs to run' });
    const postgres = await serverPid(dataDir);
    first.signalAll('SIGINT');
    // A quarantine process, which a slow machine may have started, drains too.
    const drained = () =>
      first
        .logged()
        .filter(({ msg }) => msg === 'draining')
        .map(({ pid }) => pid);
    await waitFor(async () => drained().length >= 2, { what: 'API and worker to drain' });
    first.signalAll('SIGINT');
    await writeFile(held.until, '');

    assert.deepEqual(await first.exited, { code: 0, signal: null });
    assert.deepEqual(drained(), [...new Set(drained())], 'each process drains once');
    assert.equal((await held.started()).length, 2);
    assert.deepEqual(await home.processes(), [], `Postgres had the pid ${postgres}`);
    await assert.rejects(serverPid(dataDir), { code: 'ENOENT' });
  });

  await t.test('npm start never writes the admin key', () => {
    assert.ok(!first.stdout().includes(site.key) && !first.stderr().includes(site.key));
  });

  await t.test(
    'npm start continues with all its data, and released jobs have counted no attempt',
    async () => {
      const second = home.start();
      const again = await second.ready(site.key);
      const results = await again.results(heldBatch);
      assert.deepEqual(
        results.map(({ response, attempts }) => ({ response, attempts })),
        [0, 1, 2].map((index) => ({ response: { index }, attempts: 1 })),
      );
      assert.deepEqual((await held.started()).sort(), [0, 1, 2]);
      assert.equal((await sendSigned(again.url, signer, VALIDATE)).status, 200);

      second.npm.kill('SIGTERM');
      assert.deepEqual(await second.exited, { code: 0, signal: null });
      assert.deepEqual(await home.processes(), []);
      assert.equal((await readFile(join(dataDir, 'admin-key'), 'utf8')).trim(), site.key);
    },
  );
});
