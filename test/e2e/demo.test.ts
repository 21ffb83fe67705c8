import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kill } from '../embedded/data-dir.ts';
import { waitFor } from '../support/wait.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const EXAMPLES = (await readdir(join(ROOT, 'examples'))).map((file) => basename(file, '.ts'));

test('the demo runs a mixed batch, verifies its callback and leaves nothing behind', async (t) => {
  const demo = await startDemo(t);
  const { cluster } = await demo.data();
  assert.deepEqual(await demo.exited, { code: 0, signal: null });

  assert.equal(demo.stderr(), '');
  const lines = demo.stdout().split('\n');
  const shown = (pattern: RegExp) =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern}`,
    );
  shown(/^created +event 1, Lakeside Run, with 2 races/);
  shown(/^ +40 contacts/);
  shown(/^batch +15 jobs, asyncId [0-9a-f]{32}$/);
  shown(/^progress +█+ 100 % \| 15 of 15 jobs$/);
  shown(/^results +14 succeeded, 1 failed$/);
  shown(
    /^ +invitations: 40, such as http:\/\/127\.0\.0\.1:\d+\/event\/invitations\/default\/[0-9a-f]{32}\/yes$/,
  );
  shown(/^ +participants: 5,000 stored by 10 jobs$/);
  shown(/^ +failed, as it should: participants\.storeMultiple: 404 There is no event 1001$/);
  shown(/^callback +[\d,]+ bytes$/);
  shown(/^ +webhook-id: msg_/);
  shown(/^ +webhook-signature: v1,/);
  shown(/^ +signature verified$/);
  shown(
    /^ +15 results, and \{"asyncId":"[0-9a-f]{32}","state":"completed","counts":\{.*"succeeded":14,"failed":1,/,
  );
  await demo.assertNothingLeft(cluster);
});

test('the demo, interrupted while its database starts, fails with one line and leaves nothing behind', async (t) => {
  const demo = await startDemo(t);
  const { dataDir, cluster } = await demo.data();
  // The server writes to it from its first moment.
  await waitFor(() => exists(join(dataDir, 'postgres.log')), { what: 'the database server' });
  demo.child.kill('SIGINT');
  assert.deepEqual(await demo.exited, { code: 1, signal: null });
  assert.equal(demo.stderr(), 'The demo failed: interrupted by SIGINT\n');
  await demo.assertNothingLeft(cluster);
});

test('when the product is killed, the demo reports it and ends its database and worker', async (t) => {
  const demo = await startDemo(t);
  const { dataDir, cluster } = await demo.data();
  await waitFor(async () => /^started/.test(demo.stdout()), { what: 'the product', timeoutMs: 60_000 });
  process.kill(Number(await readFile(join(dataDir, 'batchwright.pid'), 'utf8')), 'SIGKILL');
  assert.deepEqual(await demo.exited, { code: 1, signal: null });
  assert.match(demo.stderr(), /^The demo failed: the product ended \(SIGKILL\).*\n$/);
  await demo.assertNothingLeft(cluster);
});

for (const example of EXAMPLES)
  test(`the example ${example} runs in the demo, tells what it does and leaves nothing behind`, async (t) => {
    const demo = await startDemo(t, example);
    const { cluster } = await demo.data();
    assert.deepEqual(await demo.exited, { code: 0, signal: null }, demo.stderr());
    assert.equal(demo.stderr(), '');
    const told = demo
      .stdout()
      .split('\n')
      .filter((line) => /^ +\S/.test(line));
    assert.ok(told.length > 3, demo.stdout());
    await demo.assertNothingLeft(cluster);
  });

test('the demo names the nearest example for an unknown one, and starts nothing', async (t) => {
  const demo = await startDemo(t, 'trcx');
  assert.deepEqual(await demo.exited, { code: 2, signal: null });
  assert.equal(demo.stdout(), '');
  assert.equal(demo.stderr(), 'The demo failed: there is no example trcx: did you mean tracx?\n');
});

interface Demo {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Its data directory and the place of the database's files, when they are known. */
  data(): Promise<{ dataDir: string; cluster: string }>;
  /**
   * Checks that no process of it runs, and that no file is left in its temporary folder or the database's.
   */
  assertNothingLeft(cluster: string): Promise<void>;
}

async function startDemo(t: { after(fn: () => Promise<void>): void }, ...args: string[]): Promise<Demo> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'batchwright-demo-test-')));
  const child = spawn(process.execPath, ['src/demo/demo.ts', ...args], {
    cwd: ROOT,
    // The user's settings must not reach the product: this database and mail server do not exist.
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      SMTP_URL: 'smtp://127.0.0.1:1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(async () => {
    await kill(child);
    await rm(folder, { recursive: true, force: true });
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => {
    stdout += text;
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    exited: once(child, 'close').then(([code, signal]) => ({ code, signal })),
    data: () => waitFor(() => findData(folder), { what: 'the data directory', timeoutMs: 60_000 }),
    async assertNothingLeft(cluster) {
      assert.deepEqual(await readdir(folder), []);
      assert.equal(await exists(dirname(cluster)), false, cluster);
      // Each process has the folder in its environment, the database has the cluster in its arguments.
      const { stdout: processes } = await promisify(execFile)('ps', ['axeww', '-o', 'pid=,state=,args=']);
      const running = processes.split('\n').filter((line) => line.includes(folder) || line.includes(cluster));
      assert.deepEqual(running, []);
    },
  };
}

async function findData(folder: string): Promise<{ dataDir: string; cluster: string } | undefined> {
  const name = (await readdir(folder)).find((entry) => entry.startsWith('batchwright-demo-'));
  if (!name) return undefined;
  const dataDir = join(folder, name);
  const link = join(dataDir, 'postgres');
  // A link when the folders above are closed to the user that the server runs as.
  const cluster = await readlink(link).catch(async () => ((await exists(link)) ? link : undefined));
  return cluster === undefined ? undefined : { dataDir, cluster };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
