import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { withClient } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';
import { createEmptyDatabase } from './empty-database.ts';
import { type Home, holdJobs, makeHome } from './product.ts';

/** Any text of 20 characters or more is an admin key. */
const ADMIN_KEY = 'an admin key with spaces';

suite('with DATABASE_URL', { concurrency: true }, () => {
  test('two concurrent starts on an empty database both succeed, and serve the same batches', async (t) => {
    const databaseUrl = await createEmptyDatabase(t);
    const homes = await Promise.all([makeHome(t), makeHome(t)]);
    const env = { DATABASE_URL: databaseUrl, ADMIN_KEY };
    const [all, api] = homes as [Home, Home];
    const both = [all.startWithoutNpm(env), api.startWithoutNpm({ ...env, ROLE: 'api' })];
    const sites = await Promise.all(both.map((product) => product.ready(ADMIN_KEY)));
    const [one, other] = sites;

    const migrations = await withClient(databaseUrl, (client) =>
      client.query('select name from batchwright.migration'),
    );
    assert.equal(new Set(migrations.rows.map(({ name }) => name)).size, migrations.rowCount);
    const jobs = [{ namespace: 'test', action: 'echo', params: { n: 1 } }];
    const asyncId = (await one?.run(jobs)) as string;
    assert.deepEqual((await other?.results(asyncId))?.[0].response, { n: 1 });
    // A given key is never printed, and no database is created: only the server's address is kept.
    for (const product of both) assert.ok(!product.stdout().includes(ADMIN_KEY));
    assert.deepEqual(await readdir(homes[0]?.dataDir as string), ['server.json']);

    for (const product of both) product.signalAll('SIGTERM');
    for (const product of both) assert.deepEqual(await product.exited, { code: 0, signal: null });
  });

  test('ROLE=api takes batches that ROLE=worker runs', async (t) => {
    const env = { DATABASE_URL: await createEmptyDatabase(t), ADMIN_KEY };
    const home = await makeHome(t);
    const held = holdJobs(home.folder, 1);
    const api = home.startWithoutNpm({ ...env, ROLE: 'api' });
    const site = await api.ready(ADMIN_KEY);
    const asyncId = await site.run(held.jobs);
    assert.equal((await site.rpc('progress', { async: asyncId })).body.state, 'queued');
    const worker = home.startWithoutNpm({ ...env, ROLE: 'worker' });
    await waitFor(async () => (await held.started()).length === 1, { what: 'the job', timeoutMs: 30_000 });

    // The job does not end by itself: it is interrupted and released without counting an attempt. A worker that has not
    // drained within 25 s ends with another code.
    worker.signalAll('SIGTERM');
    const another = home.startWithoutNpm({ ...env, ROLE: 'worker' });
    assert.deepEqual(await worker.exited, { code: 0, signal: null });

    await writeFile(held.until, '');
    const [result] = await site.results(asyncId);
    assert.deepEqual([result.status, result.attempts], ['succeeded', 1]);
    assert.deepEqual(await held.started(), [0, 0]);
    for (const product of [another, api]) {
      product.signalAll('SIGTERM');
      assert.deepEqual(await product.exited, { code: 0, signal: null });
    }
  });
});
