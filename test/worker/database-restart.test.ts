import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { serverPid } from '../embedded/data-dir.ts';
import { makeHome, type Site } from '../main/product.ts';
import { echoJobs, workJob } from '../pipeline/work-jobs.ts';
import { withClient } from '../support/server.ts';
import { waitFor } from '../support/wait.ts';

/** Jobs of every kind, in three chunks; those of `test.behave` take some seconds. */
function jobs(): object[] {
  return [
    ...Array.from({ length: 900 }, () => ({
      namespace: 'test',
      action: 'behave',
      params: { waitMs: 20, effect: 'run' },
    })),
    ...Array.from({ length: 100 }, (_, n) => workJob('post', { name: `post ${n}` })),
    ...Array.from({ length: 100 }, (_, n) => workJob('postMany', { name: `many ${n}` })),
    ...echoJobs(700),
  ];
}

const TOTAL = 1800;

async function counts(site: Site, asyncId: string): Promise<Record<string, number>> {
  const { status, body } = await site.rpc('progress', { async: asyncId });
  return status === 200 ? body.counts : { succeeded: 0 };
}

test('a batch survives a fast and a smart shutdown of Postgres: no job is lost or run twice', async (t) => {
  const home = await makeHome(t);
  const product = home.start({ LOG_LEVEL: 'error' });
  const site = await product.ready();
  const asyncId = await site.run(jobs());

  const accepted: string[] = [];
  for (const [signal, reached] of [
    ['SIGQUIT', 100],
    ['SIGINT', 400],
  ] as const) {
    const { succeeded = 0 } = await waitFor(
      async () => {
        const now = await counts(site, asyncId);
        return (now.succeeded ?? 0) >= reached && now;
      },
      { what: `${reached} results`, timeoutMs: 30_000 },
    );
    assert.ok(succeeded < TOTAL, 'still in mid-batch');
    const before = await serverPid(home.dataDir);
    process.kill(before, signal);
    await waitFor(
      async () => {
        // Until Postgres is back a batch is refused; one that is accepted is stored permanently.
        const { status, headers, body } = await site.rpc('run', { jobs: echoJobs(1) });
        if (status === 200) accepted.push(body.asyncId);
        else
          assert.deepEqual(
            { status, specificCode: body.specificCode, retryAfter: headers.has('retry-after') },
            { status: 503, specificCode: 24091, retryAfter: true },
          );
        const now = await serverPid(home.dataDir).catch(() => before);
        return status === 200 && now !== before;
      },
      { what: 'the database to be back', timeoutMs: 30_000 },
    );
  }

  const results = await site.results(asyncId, 60_000);
  assert.equal(results.length, TOTAL);
  assert.deepEqual(await counts(site, asyncId), {
    total: TOTAL,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: TOTAL,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  assert.ok(
    results.every(
      ({ status, attempts }, index) =>
        status === 'succeeded' && attempts === 1 && results[index].index === index,
    ),
    'an outage counts as no attempt',
  );
  await withClient(await databaseUrl(home.dataDir), async (client) => {
    const posted = await client.query(
      'select count(*)::int as entries, count(distinct name)::int as names from work.entry',
    );
    assert.deepEqual(posted.rows, [{ entries: 200, names: 200 }], 'what is transactional happened once');
    const run = await client.query(
      'select count(distinct index)::int as jobs from test.effect where async_id = $1',
      [asyncId],
    );
    assert.deepEqual(run.rows, [{ jobs: 900 }]);
  });
  for (const id of accepted) assert.equal((await site.results(id)).length, 1);

  product.signalAll('SIGTERM');
  assert.deepEqual(await product.exited, { code: 0, signal: null });
  assert.deepEqual(await home.processes(), []);
});

async function databaseUrl(dataDir: string): Promise<string> {
  const password = (await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim();
  const [, , , port] = (await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n');
  return `postgres://batchwright:${password}@127.0.0.1:${port}/batchwright`;
}
