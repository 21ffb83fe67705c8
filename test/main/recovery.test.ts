import assert from 'node:assert/strict';
import { realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isRunning, serverPid } from '../embedded/data-dir.ts';
import { waitFor } from '../support/wait.ts';
import { holdJobs, makeHome } from './product.ts';

suite('an interrupted start or run', { concurrency: true }, () => {
  test('the next start completes the batch after kill -9 of all processes, with or without Postgres', async (t) => {
    const home = await makeHome(t);
    const held = holdJobs(home.folder, 2);
    const first = home.startWithoutNpm();
    const site = await first.ready();
    const asyncId = await site.run(held.jobs);
    await waitFor(async () => (await held.started()).length === 2, { what: 'the jobs to run' });

    const orphan = await serverPid(home.dataDir);
    first.signalAll('SIGKILL');
    await first.exited;
    assert.ok(await isRunning(orphan), 'Postgres, in a session of its own, outlives its parent');
    const second = home.startWithoutNpm({ ROLE: 'api' });
    await second.ready(site.key);
    assert.equal(await isRunning(orphan), false);

    const server = await serverPid(home.dataDir);
    second.signalAll('SIGKILL');
    process.kill(server, 'SIGKILL');
    await second.exited;
    const third = home.startWithoutNpm();
    const again = await third.ready(site.key);
    await writeFile(held.until, '');
    const results = await again.results(asyncId);
    assert.deepEqual(
      results.map(({ index, status, response }) => ({ index, status, response })),
      [0, 1].map((index) => ({ index, status: 'succeeded', response: { index } })),
    );
    assert.deepEqual((await again.rpc('progress', { async: asyncId })).body.counts, {
      total: 2,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 2,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    });
  });

  test('a database whose folder is gone ends the process with one line, and no more workers are forked', async (t) => {
    const home = await makeHome(t);
    const product = home.startWithoutNpm();
    await product.ready();
    await waitFor(async () => product.stdout().includes('worker ready'), { what: 'the worker' });
    const server = await serverPid(home.dataDir);
    const cluster = await realpath(join(home.dataDir, 'postgres'));
    await rename(cluster, `${cluster}-moved`);
    t.after(() => rm(`${cluster}-moved`, { recursive: true, force: true }));
    process.kill(server, 'SIGKILL');
    assert.deepEqual(await product.exited, { code: 1, signal: null });
    assert.match(
      product.stderr(),
      /^The embedded database ended and cannot be started again: \S+ is gone\n/m,
    );
    assert.deepEqual(await home.processes(), []);
  });

  test('a signal in the middle of the first start leaves nothing running and nothing incomplete', async (t) => {
    const home = await makeHome(t);
    const product = home.startWithoutNpm();
    await waitFor(async () => (await home.processes()).some((line) => line.includes('initdb')), {
      what: 'initdb to be at work',
      timeoutMs: 30_000,
    });
    product.npm.kill('SIGTERM');
    assert.deepEqual(await product.exited, { code: 0, signal: null });
    assert.deepEqual(await home.processes(), []);
    assert.equal(product.stderr(), '');
    assert.doesNotMatch(product.stdout(), /is ready at/);

    const next = home.startWithoutNpm({ ROLE: 'api' });
    const { url } = await next.ready();
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
  });
});
