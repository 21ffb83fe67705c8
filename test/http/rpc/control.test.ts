/** restart, repost, cancel and validate, from outside. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { startHttpServer } from '../../outbound/loopback.ts';
import { controlJobs } from '../../support/cancel.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem({ after });

const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });
const refuse = { namespace: 'rpc', action: 'refuse', params: { message: 'no' } };
const gated = (gate: string, n: number) => ({
  namespace: 'test',
  action: 'behave',
  params: { gate, n, effect: gate },
});
const open = (gate: string) => system.pool.query('insert into test.gate values ($1)', [gate]);
/** Resolves when this many jobs wait at the gate. */
const waiting = (gate: string, count: number) =>
  waitFor(
    async () => {
      const { rowCount } = await system.pool.query('select from test.effect where name = $1', [gate]);
      return rowCount === count;
    },
    { what: `${count} jobs at the gate ${gate}` },
  );

async function call(action: string, asyncId: string): Promise<unknown> {
  const { status, body } = await system.rpc(action, { async: asyncId });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

describe('restart', () => {
  test('restart runs jobs again that have not succeeded and keeps the rest', async () => {
    const invite = { namespace: 'event', action: 'inviteContacts', params: { event: 77, contacts: [1] } };
    const asyncId = await system.run([echo(1), invite, refuse]);
    await system.ended(asyncId);
    const before = await system.results(asyncId);
    assert.deepEqual(
      before.map(({ status }) => status),
      ['succeeded', 'failed', 'failed'],
    );

    await system
      .run([{ namespace: 'event', action: 'addOrUpdateEvent', params: { id: 77, name: 'Run' } }])
      .then((added) => system.ended(added));
    assert.deepEqual(await call('restart', asyncId), { restarted: true });
    const { state, counts } = await system.ended(asyncId);
    assert.equal(state, 'completed');
    assert.deepEqual(counts, {
      total: 3,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 2,
      failed: 1,
      cancelled: 0,
      skipped: 0,
    });
    const again = await system.results(asyncId);
    assert.deepEqual(again[0], before[0]);
    assert.deepEqual(again[1].response, { results: [{ contact: 1, status: false, reason: 'unknown' }] });
    assert.deepEqual(again[2].response, before[2].response);
    assert.ok(again[2].startedAt > before[2].startedAt);
  });

  test('restart is false when there is nothing to restart', async () => {
    const asyncId = await system.run([echo(1)]);
    await system.ended(asyncId);
    const before = await system.results(asyncId);
    assert.deepEqual(await call('restart', asyncId), { restarted: false });
    assert.deepEqual(await system.results(asyncId), before);
  });

  test('restart is false while the batch runs', async () => {
    const asyncId = await system.run([gated('restart', 1), refuse]);
    await waiting('restart', 1);
    assert.deepEqual(await call('restart', asyncId), { restarted: false });
    await open('restart');
    assert.equal((await system.ended(asyncId)).counts.succeeded, 1);
  });
});

describe('repost', () => {
  test('repost sends the same callback body again', async (t) => {
    const bodies: string[] = [];
    const receiver = await startHttpServer(t, async (request, response) => {
      bodies.push(await text(request));
      response.end();
    });
    const asyncId = await system.run([echo(1), refuse], { callbackUrl: `${receiver.url}/callback?a=b` });
    await waitFor(async () => bodies.length === 1, { what: 'the callback' });
    assert.deepEqual(JSON.parse(bodies[0] as string), {
      asyncId,
      state: 'completed',
      counts: {
        total: 2,
        pending: 0,
        waiting: 0,
        running: 0,
        succeeded: 1,
        failed: 1,
        cancelled: 0,
        skipped: 0,
      },
      results: await system.results(asyncId),
    });
    assert.deepEqual(await call('repost', asyncId), { reposted: true });
    await waitFor(async () => bodies.length === 2, { what: 'the callback once more' });
    assert.equal(bodies[1], bodies[0]);
  });

  test('repost is false without a callbackUrl', async () => {
    const asyncId = await system.run([echo(1)]);
    await system.ended(asyncId);
    assert.deepEqual(await call('repost', asyncId), { reposted: false });
  });

  test('repost is false before the end', async () => {
    const asyncId = await system.run([gated('repost', 1)], { callbackUrl: 'http://127.0.0.1:9/' });
    await waiting('repost', 1);
    assert.deepEqual(await call('repost', asyncId), { reposted: false });
    await open('repost');
    await system.ended(asyncId);
  });
});

describe('cancel', () => {
  test('a batch that is cancelled before any of its jobs has started was never started', async () => {
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const asyncId = await system.run([echo(1), echo(2)], { options: { startAt } });
    assert.deepEqual(await call('cancel', asyncId), { cancelled: true });
    assert.equal((await system.ended(asyncId)).counts.cancelled, 2);
    const { body } = await system.request(`/v1/batches/${asyncId}`);
    assert.deepEqual([body.state, body.startedAt, typeof body.finishedAt], ['cancelled', null, 'string']);
  });

  test('cancel starts no further job: running jobs end normally, the rest is cancelled, and results stay', async () => {
    // Ten jobs of one action run at once; the others are not started.
    const { jobs, running, cancelKnown } = controlJobs('work.attempt', 'cancel');
    const asyncId = await system.run([
      echo(0),
      ...jobs,
      ...Array.from({ length: 13 }, (_, n) => gated('cancel', n)),
    ]);
    await running(system, asyncId, 10);
    assert.deepEqual(await call('cancel', asyncId), { cancelled: true });
    assert.deepEqual(await call('cancel', asyncId), { cancelled: true });
    // Cancelled, but not ended: some jobs still run.
    assert.equal((await system.rpc('results', { async: asyncId })).body.specificCode, 24114);
    await cancelKnown(system, asyncId);
    await open('cancel');
    const { state, counts } = await system.ended(asyncId);
    assert.equal(state, 'cancelled');
    assert.deepEqual(counts, {
      total: 16,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 13,
      failed: 0,
      cancelled: 3,
      skipped: 0,
    });
    assert.equal((await system.rpc('progress', { async: asyncId })).body.progress, 100);
    const results = await system.results(asyncId);
    assert.deepEqual(results[0].response, { n: 0 });
    const { finishedAt, ...last } = results[15];
    assert.deepEqual(last, {
      index: 15,
      namespace: 'test',
      action: 'behave',
      request: gated('cancel', 12).params,
      response: null,
      status: 'cancelled',
      attempts: 0,
      startedAt: null,
    });
    assert.equal(typeof finishedAt, 'string');
    assert.deepEqual(await call('cancel', asyncId), { cancelled: false });

    const { body } = await system.rpc('results', { async: asyncId, status: 'cancelled' });
    assert.deepEqual(body.meta, { totalResults: 3, start: 0, perPage: 3, count: 3 });
    assert.deepEqual(await call('restart', asyncId), { restarted: true });
    assert.deepEqual((await system.ended(asyncId)).counts.succeeded, 16);
    assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'completed');
  });

  test('cancel is false when the batch has ended', async () => {
    const asyncId = await system.run([echo(1)]);
    await system.ended(asyncId);
    assert.deepEqual(await call('cancel', asyncId), { cancelled: false });
    assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'completed');
  });
});

describe('validate', () => {
  test('validate of a valid request is true, and stores nothing', async () => {
    const rows = await storedRows(system.pool);
    for (const body of [
      { jobs: [echo(1), refuse] },
      { jobs: Array.from({ length: 2500 }, (_, n) => echo(n)), callbackUrl: 'http://127.0.0.1:9/' },
      { jobs: [echo(1), 7], options: { skipInvalid: true } },
    ]) {
      const answer = await system.rpc('validate', body, { 'idempotency-key': 'validate' });
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, { valid: true });
    }
    assert.deepEqual(await storedRows(system.pool), rows);
  });
});
