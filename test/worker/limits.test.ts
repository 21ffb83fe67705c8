import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { retain } from '../../src/pipeline/upkeep/retention.ts';
import { sweep } from '../../src/pipeline/upkeep/sweep.ts';
import { heldOfBatches } from '../../src/queue/held.ts';
import { chunkClaimed } from '../../src/telemetry/events.ts';
import { startClaiming } from '../pipeline/claims.ts';
import { silentPluginLog } from '../support/action-context.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { startCalledServer } from './limits-server.ts';

function jobs(action: string, count: number, params: object): object[] {
  return Array.from({ length: count }, () => ({ namespace: 'limit', action, params }));
}

async function heldJobs({ pool }: System): Promise<number> {
  const { rows } = await pool.query<{ jobs: number }>(
    `select coalesce(sum(jsonb_array_length(data -> 'indexes')), 0)::int as jobs from pgboss.job where blocked`,
  );
  return rows[0]?.jobs ?? 0;
}

async function heldOf({ pool }: System, asyncId: string): Promise<number> {
  const held = await heldOfBatches(pool, [toBatchId(asyncId)]);
  return held.reduce((sum, { jobs: some }) => sum + some, 0);
}

/** HTTP_LIMITS lets two requests to it run at once. */
const limited = await startCalledServer({ after }, { isHolding: true });
/** Its worker is the only one unless a test adds another. */
const system = await startSystem(
  { after },
  { env: { HTTP_ALLOW: '127.0.0.0/8', HTTP_LIMITS: `${new URL(limited.url).host}=2` } },
);

test('two workers under one rate never call more often than it in any second', async (t) => {
  const second = await system.addWorker();
  t.after(() => second.drain());
  const { url, ...server } = await startCalledServer(t);
  const batches = await Promise.all([0, 1, 2].map(() => system.run(jobs('paced', 20, { url }))));
  for (const asyncId of batches) {
    const { counts } = await system.ended(asyncId);
    assert.equal(counts.succeeded, 20);
  }
  assert.equal(server.calls.length, 60);
  assert.ok(server.mostInSecond() <= 20, `${server.mostInSecond()} in a second`);
  for (const asyncId of batches)
    for (const { attempts } of await system.results(asyncId)) assert.equal(attempts, 1);
});

test('a batch has limits of its own, over all workers', async (t) => {
  const second = await system.addWorker();
  t.after(() => second.drain());
  const server = await startCalledServer(t);
  const few = await system.run(jobs('free', 60, { url: server.url, account: 'few' }), {
    options: { concurrency: 3 },
  });
  const slow = await system.run(jobs('free', 25, { url: server.url, account: 'slow' }), {
    options: { rate: { limit: 10, perSeconds: 1 } },
  });
  const [waiting] = await waitFor(async () => (await system.request(`/v1/batches/${slow}`)).body.waitingFor, {
    what: 'the slow batch to wait',
  });
  assert.deepEqual([waiting.action, waiting.bucket], [null, null]);
  assert.equal((await system.ended(few)).counts.succeeded, 60);
  assert.equal((await system.ended(slow)).counts.succeeded, 25);
  assert.ok((server.most.get('few') ?? 0) <= 3, `${server.most.get('few')} at once`);
  assert.ok(server.mostInSecond('slow') <= 10, `${server.mostInSecond('slow')} in a second`);
});

test('a busy account keeps no other account waiting, and no other action', async (t) => {
  const busy = await startCalledServer(t, { isHolding: true });
  const other = await startCalledServer(t);
  const slow = await system.run(jobs('account', 300, { url: busy.url, account: 'busy' }));
  await waitFor(async () => busy.calls.length === 2, { what: 'two calls of the busy account' });
  const quick = await Promise.all([
    system.run(jobs('account', 20, { url: other.url, account: 'other' })),
    system.run(jobs('free', 20, { url: other.url })),
  ]);
  for (const asyncId of quick) assert.equal((await system.ended(asyncId)).counts.succeeded, 20);
  assert.equal(busy.calls.length, 2);
  busy.answer();
  assert.equal((await system.ended(slow)).counts.succeeded, 300);
  assert.equal(busy.most.get('busy'), 2);
  assert.ok((other.most.get('other') ?? 0) <= 2);
});

test('jobs that wait are cancelled at once', async (t) => {
  const { url, calls } = await startCalledServer(t);
  const [first, second] = [
    await system.run(jobs('paced', 200, { url })),
    await system.run(jobs('paced', 200, { url })),
  ];
  await waitFor(async () => calls.length > 5, { what: 'some calls' });
  for (const asyncId of [first, second]) await system.rpc('cancel', { async: asyncId });
  const ends = await Promise.all([first, second].map((asyncId) => system.ended(asyncId, 5000)));
  for (const { state, counts } of ends) {
    assert.equal(state, 'cancelled');
    assert.equal((counts.succeeded ?? 0) + (counts.cancelled ?? 0), 200);
  }
});

test('messages of waiting jobs are claimed in proportion to the permits, not to the jobs', async (t) => {
  const { url, calls } = await startCalledServer(t);
  const batches = await Promise.all(Array.from({ length: 40 }, () => system.run(jobs('paced', 50, { url }))));
  await waitFor(async () => (await heldJobs(system)) > 1800, { what: 'most jobs to be held' });
  let claims = 0;
  const ignore = chunkClaimed.listen(() => claims++);
  const before = calls.length;
  await waitFor(async () => calls.length >= before + 40, { what: '40 more calls, which take 2 s' });
  ignore();
  assert.ok(claims <= 20, `${claims} messages were claimed for 40 calls`);
  await Promise.all(batches.map((asyncId) => system.rpc('cancel', { async: asyncId })));
  for (const asyncId of batches) assert.equal((await system.ended(asyncId)).state, 'cancelled');
});

test('a refused job puts its bucket to sleep, and is not charged', async (t) => {
  const server = await startCalledServer(t);
  server.refuse(1, 2);
  const params = { url: server.url, account: 'refusing' };
  const asyncId = await system.run(jobs('account', 15, params));
  await waitFor(async () => (await system.request(`/v1/batches/${asyncId}`)).body.waitingFor?.[0]?.until, {
    what: 'the batch to wait for a time',
  });
  assert.ok(server.calls.length <= 3, `${server.calls.length} calls`);
  const other = await system.run(jobs('account', 15, { ...params, account: 'other' }));
  await system.ended(other);
  await system.ended(asyncId);
  const times = server.calls.filter(({ account }) => account === 'refusing').map(({ at }) => at);
  const pause = Math.max(...times.slice(1).map((at, before) => at - (times[before] ?? 0)));
  assert.ok(pause >= 1900, `the longest pause was ${pause} ms`);
  for (const { status, attempts } of await system.results(asyncId))
    assert.deepEqual([status, attempts], ['succeeded', 1]);
});

test('20,000 jobs that wait do not keep a free batch waiting, and are cancelled together', async (t) => {
  const { url } = await startCalledServer(t);
  const waiting = await system.run(jobs('paced', 20_000, { url }));
  await waitFor(async () => (await heldJobs(system)) > 18_000, { what: 'nearly all to be held' });
  const free = await system.run(
    Array.from({ length: 1000 }, () => ({ namespace: 'test', action: 'echo', params: {} })),
  );
  await system.ended(free);
  // They take a quarter of an hour: the free ones have not waited for them.
  const { body: progress } = await system.rpc('progress', { async: waiting });
  assert.ok(progress.counts.pending > 15_000, JSON.stringify(progress.counts));
  await system.rpc('cancel', { async: waiting });
  const { state, counts } = await system.ended(waiting);
  assert.equal(state, 'cancelled');
  assert.equal((counts.succeeded ?? 0) + (counts.cancelled ?? 0), 20_000);
});

test('HTTP_LIMITS limits the requests to a host, and other hosts go on beside it', async (t) => {
  const other = await startCalledServer(t);
  const requests = (url: string) =>
    Array.from({ length: 25 }, () => ({ namespace: 'http', action: 'request', params: { url } }));
  const held = await system.run(requests(limited.url));
  await waitFor(async () => limited.calls.length === 2, { what: 'two requests' });
  const free = await system.run(requests(other.url));
  assert.equal((await system.ended(free)).counts.succeeded, 25);
  assert.ok((other.most.get('') ?? 0) <= 10);
  assert.equal(limited.calls.length, 2);
  limited.answer();
  assert.equal((await system.ended(held)).counts.succeeded, 25);
  assert.equal(limited.most.get(''), 2);
});

test('three of 15 hosts that hang keep none of the others waiting', async (t) => {
  const servers = await Promise.all(
    Array.from({ length: 15 }, (_, n) =>
      startCalledServer(t, { isHolding: n < 3, address: `127.0.0.${n + 1}` }),
    ),
  );
  // Those that hang come first, and have more jobs than requests at once.
  const urls = Array.from({ length: 20 }, () => servers.map(({ url }) => url)).flat();
  const asyncId = await system.run(
    urls.map((url) => ({ namespace: 'http', action: 'request', params: { url } })),
  );
  const succeeded = async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded;
  await waitFor(async () => (await succeeded()) === 12 * 20, { what: 'all calls of the other hosts' });
  for (const [n, server] of servers.entries()) {
    const most = server.most.get('') ?? 0;
    assert.ok(most <= 10, `host ${n} got ${most} at once`);
    server.answer();
  }
  assert.equal((await system.ended(asyncId)).counts.succeeded, 300);
});

test('a batch whose jobs were held is restarted after its cancel, and each job succeeds once', async (t) => {
  const { url, calls } = await startCalledServer(t);
  // Enough to wait in hand: those after them are held.
  const front = await system.run(jobs('paced', 300, { url: (await startCalledServer(t)).url }));
  const asyncId = await system.run(jobs('paced', 100, { url }));
  await waitFor(async () => (await heldOf(system, asyncId)) > 0, { what: 'jobs to be held' });
  assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, false, 'it still runs');
  await system.rpc('cancel', { async: asyncId });
  const { state, counts } = await system.ended(asyncId);
  assert.deepEqual([state, counts.succeeded], ['cancelled', calls.length]);
  assert.ok((counts.cancelled ?? 0) > 0);
  assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, true);
  await waitFor(async () => (await heldOf(system, asyncId)) > 0, { what: 'jobs to be held again' });
  await system.rpc('cancel', { async: front });
  await system.ended(front);
  const again = await system.ended(asyncId);
  assert.deepEqual([again.state, again.counts.succeeded], ['completed', 100]);
  assert.equal(calls.length, 100, 'those that had succeeded did not run again');
  for (const { attempts } of await system.results(asyncId)) assert.equal(attempts, 1);
  assert.equal(await heldJobs(system), 0);
});

test('retention keeps an expired batch whose jobs are held, and messages of a deleted one keep nothing waiting', async (t) => {
  const { pool } = system;
  const { url, calls } = await startCalledServer(t);
  const [kept, deleted] = [
    await system.run(jobs('paced', 60, { url })),
    // Twenty a second run: enough are held for long enough, however busy the machine is.
    await system.run(jobs('paced', 600, { url })),
  ];
  await waitFor(async () => (await heldJobs(system)) >= 500, { what: 'jobs of both batches to be held' });
  await pool.query(`update batchwright.batch set expires_at = now() - interval '3 days'`);
  await retain({ pool, log: silentPluginLog });
  for (const [asyncId, total] of [
    [kept, 60],
    [deleted, 600],
  ] as const)
    assert.equal((await system.rpc('progress', { async: asyncId })).body.counts.total, total);

  // As if it had ended, and its messages were left behind.
  await pool.query(`update batchwright.batch set state = 'completed' where id = $1`, [toBatchId(deleted)]);
  await pool.query(`update batchwright.batch set expires_at = now() + interval '1 day' where id = $1`, [
    toBatchId(kept),
  ]);
  await retain({ pool, log: silentPluginLog });
  assert.equal((await system.rpc('progress', { async: deleted })).status, 404);
  assert.equal((await system.ended(kept)).counts.succeeded, 60);
  await waitFor(async () => (await heldJobs(system)) === 0, {
    what: 'the messages that were left to be gone',
  });
  assert.ok(calls.length < 660, `${calls.length} calls`);
  const next = await system.run(jobs('paced', 10, { url }));
  assert.equal((await system.ended(next)).counts.succeeded, 10);
});

test('what a killed worker held is given back, and its jobs go on', async (t) => {
  const system = await startSystem(t, { worker: false });
  const server = await startCalledServer(t, { isHolding: true });
  const victim = await system.forkWorker();
  const asyncId = await system.run(jobs('account', 5, { url: server.url, account: 'one' }));
  await waitFor(async () => server.calls.length === 2, { what: 'two calls of the victim' });
  victim.kill('SIGKILL');
  server.answer();
  await system.addWorker();
  const late = await system.run(jobs('account', 5, { url: server.url, account: 'one' }));
  await system.ended(late);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 5);
  assert.equal(server.most.get('one'), 2);
});

test('jobs that wait are there after a drain, and the sweep leaves them alone', async (t) => {
  const system = await startSystem(t, { worker: false });
  const { url, calls } = await startCalledServer(t);
  const { deps } = await startClaiming(t, system);
  const worker = await system.addWorker();
  const batches = await Promise.all([1, 2, 3].map(() => system.run(jobs('paced', 50, { url }))));
  await waitFor(async () => (await heldJobs(system)) >= 25, { what: 'jobs to be held' });
  await worker.drain();
  const { rows: before } = await system.pool.query('select id from pgboss.job where blocked order by id');
  await sweep({ ...deps, queues: system.registry.queues }, { minAgeSeconds: 0 });
  const { rows: after } = await system.pool.query('select id from pgboss.job where blocked order by id');
  assert.deepEqual(after, before);
  // The sweep sends a lost message again, held or not.
  await system.pool.query(
    'delete from pgboss.job where id = (select id from pgboss.job where blocked limit 1)',
  );
  await sweep({ ...deps, queues: system.registry.queues }, { minAgeSeconds: 0 });
  await system.addWorker();
  for (const asyncId of batches) assert.equal((await system.ended(asyncId)).counts.succeeded, 50);
  assert.equal(calls.length, 150);
});
