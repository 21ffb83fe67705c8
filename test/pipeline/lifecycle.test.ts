import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toBatchId } from '../../src/domain/batch.ts';
import { batchEnded, chunkEnded } from '../../src/telemetry/events.ts';
import { controlJobs } from '../support/cancel.ts';
import { nextEvent } from '../support/next-event.ts';
import { type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { startReceiver } from './deliver/deliver-receiver.ts';
import { echoJobs, entriesOf, openGate, workJob } from './work-jobs.ts';

const system = await startSystem({ after });
/** A test adds the workers that it needs, and ends them. */
const idle = await startSystem({ after }, { worker: false, env: { LOG_LEVEL: 'info' } });

async function status(of: System, asyncId: string) {
  return (await of.rpc('progress', { async: asyncId })).body;
}

async function perform(action: 'cancel' | 'restart', asyncId: string) {
  return (await system.rpc(action, { async: asyncId })).body;
}

function running(asyncId: string, count: number) {
  return waitFor(
    async () => {
      const now = await status(system, asyncId);
      return now.counts.running === count && now;
    },
    { what: `${count} running jobs` },
  );
}

function statuses(results: { status: string; attempts: number }[]) {
  return results.map(({ status, attempts }) => `${status} ${attempts}`);
}

test('a batch is queued until a worker takes it, then runs, and is completed when its last job has ended', async (t) => {
  const asyncId = await idle.run([workJob('attempt', { gate: 'first' }), ...echoJobs(2)]);
  assert.deepEqual(await status(idle, asyncId), {
    progress: 0,
    asyncId,
    state: 'queued',
    counts: {
      total: 3,
      pending: 3,
      waiting: 0,
      running: 0,
      succeeded: 0,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    },
  });
  const worker = await idle.addWorker();
  t.after(() => worker.drain());
  const half = await waitFor(
    async () => {
      const now = await status(idle, asyncId);
      return now.counts.running === 1 && now.counts.succeeded === 2 && now;
    },
    { what: 'two results' },
  );
  assert.deepEqual(half, {
    progress: 66,
    asyncId,
    state: 'running',
    counts: {
      total: 3,
      pending: 0,
      waiting: 0,
      running: 1,
      succeeded: 2,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    },
  });
  await openGate(idle, 'first');
  assert.deepEqual(await idle.ended(asyncId), {
    progress: 100,
    asyncId,
    state: 'completed',
    counts: {
      total: 3,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 3,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    },
  });
});

test('the progress of a batch is 99 while its last job runs, even if the job reports all of its work as done', async () => {
  const asyncId = await system.run([
    { namespace: 'test', action: 'behave', params: { progress: [5, 5], gate: 'all done' } },
  ]);
  const { progress, state } = await waitFor(
    async () => {
      const now = await status(system, asyncId);
      return now.progress > 0 && now;
    },
    { what: 'the report of its progress' },
  );
  assert.deepEqual([progress, state], [99, 'running']);
  await system.pool.query(`insert into test.gate (name) values ('all done')`);
  assert.equal((await system.ended(asyncId)).state, 'completed');
});

test('a batch whose jobs all fail is completed', async () => {
  const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { fatal: 'no' } }]);
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 1,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 1,
    cancelled: 0,
    skipped: 0,
  });
});

test('a queued batch that is cancelled runs no job', async () => {
  const asyncId = await idle.run(Array.from({ length: 3 }, () => workJob('attempt')));
  assert.deepEqual((await idle.rpc('cancel', { async: asyncId })).body, { cancelled: true });
  const worker = await idle.addWorker();
  const { state, counts } = await idle.ended(asyncId);
  await worker.drain();
  assert.equal(state, 'cancelled');
  assert.deepEqual(counts, {
    total: 3,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 3,
    skipped: 0,
  });
  assert.deepEqual(await entriesOf(idle, asyncId), []);
  for (const { status, attempts, response, startedAt } of await idle.results(asyncId))
    assert.deepEqual(
      { status, attempts, response, startedAt },
      { status: 'cancelled', attempts: 0, response: null, startedAt: null },
    );
});

test('cancelling a running batch starts no further job, and running jobs end normally', async () => {
  // Ten run at once: the others wait for a slot.
  const gated = Array.from({ length: 9 }, () => workJob('attempt', { gate: 'ten' }));
  const failing = workJob('attempt', { gate: 'ten', failures: 1, message: 'too late for another run' });
  const waiting = Array.from({ length: 20 }, () => workJob('attempt'));
  const { jobs, cancelKnown } = controlJobs('test.behave', 'ten');
  const receiver = await startReceiver({ after });
  const asyncId = await system.run([...gated, failing, ...waiting, ...jobs], { callbackUrl: receiver.url });
  await running(asyncId, 12);
  assert.deepEqual(await perform('cancel', asyncId), { cancelled: true });
  assert.deepEqual(await perform('cancel', asyncId), { cancelled: true }, 'again, while it still runs');
  await cancelKnown(system, asyncId);
  await openGate(system, 'ten');
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'cancelled');
  assert.deepEqual(counts, {
    total: 32,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 11,
    failed: 1,
    cancelled: 20,
    skipped: 0,
  });
  const results = await system.results(asyncId);
  assert.deepEqual(statuses(results), [
    ...Array(9).fill('succeeded 1'),
    'failed 1',
    ...Array(20).fill('cancelled 0'),
    ...Array(2).fill('succeeded 1'),
  ]);
  assert.equal(results[9].response.message, 'too late for another run');
  assert.equal((await entriesOf(system, asyncId)).length, 10);
  const [callback] = await receiver.received(1);
  assert.equal(JSON.parse(callback?.body ?? '').state, 'cancelled');
});

test('finished results stay when a batch is cancelled', async () => {
  // So large that it is a chunk by itself.
  const large = { namespace: 'test', action: 'behave', params: { effect: 'x'.repeat(1024 * 1024) } };
  const gated = Array.from({ length: 20 }, () => workJob('attempt', { gate: 'stay' }));
  const { jobs, cancelKnown } = controlJobs('test.behave', 'stay');
  const asyncId = await system.run([large, ...gated, ...jobs]);
  await waitFor(async () => (await status(system, asyncId)).counts.succeeded === 1, {
    what: 'the first result',
  });
  await running(asyncId, 12);
  await perform('cancel', asyncId);
  await cancelKnown(system, asyncId);
  await openGate(system, 'stay');
  assert.equal((await system.ended(asyncId)).state, 'cancelled');
  assert.deepEqual(statuses(await system.results(asyncId)), [
    ...Array(11).fill('succeeded 1'),
    ...Array(10).fill('cancelled 0'),
    ...Array(2).fill('succeeded 1'),
  ]);
});

test('a cancelled batch does not wait for slots that another batch holds', async () => {
  const holder = await system.run(Array.from({ length: 10 }, () => workJob('attempt', { gate: 'held' })));
  await running(holder, 10);
  const asyncId = await system.run([workJob('attempt', { gate: 'held' }), ...echoJobs(1)]);
  await waitFor(async () => (await status(system, asyncId)).counts.succeeded === 1, {
    what: 'the first result',
  });
  await perform('cancel', asyncId);
  assert.equal((await system.ended(asyncId)).state, 'cancelled');
  await openGate(system, 'held');
  await system.ended(holder);
  assert.deepEqual(statuses(await system.results(asyncId)), ['cancelled 0', 'succeeded 1']);
});

test('a cancelled batch does not wait for a retry delay, and keeps the outcome of the last run', async () => {
  // Text that jsonb refuses: the queue's messages are jsonb.
  const message = 'nul \u0000, half a pair \ud800';
  const params = { failures: 1, retryInSeconds: 3600, message, errorCode: 503 };
  const asyncId = await system.run([workJob('attempt', params)]);
  await waitFor(
    async () => {
      const { rows } = await system.pool.query(
        `select from pgboss.job where data->>'batch' = $1 and state < 'active' and start_after > now()`,
        [toBatchId(asyncId)],
      );
      return rows.length === 1;
    },
    { what: 'the message of the second run', after: chunkEnded },
  );
  await perform('cancel', asyncId);
  const { state } = await system.ended(asyncId);
  assert.equal(state, 'cancelled');
  const [result] = await system.results(asyncId);
  assert.deepEqual(statuses([result]), ['cancelled 1']);
  assert.deepEqual(result.response, {
    errorCode: 503,
    message,
    specificCode: 7,
    additionalMessages: ['more'],
  });
  const { body: batch } = await system.request(`/v1/batches/${asyncId}`);
  const times = [batch.startedAt, result.startedAt, result.finishedAt, batch.finishedAt];
  assert.deepEqual(times.toSorted(), times);
});

test('a job that fails after the cancel is not retried', async () => {
  const asyncId = await system.run([
    workJob('attempt', { gate: 'put off', failures: 1, retryInSeconds: 3600, message: 'come back later' }),
  ]);
  await running(asyncId, 1);
  await perform('cancel', asyncId);
  await openGate(system, 'put off');
  const { state } = await system.ended(asyncId);
  assert.equal(state, 'cancelled');
  const results = await system.results(asyncId);
  assert.deepEqual(statuses(results), ['failed 1']);
  assert.equal(results[0].response.message, 'come back later');
});

test('an ended batch cannot be cancelled', async () => {
  const asyncId = await system.run(echoJobs(1));
  await system.ended(asyncId);
  assert.deepEqual(await perform('cancel', asyncId), { cancelled: false });
  assert.equal((await status(system, asyncId)).state, 'completed');
});

test('a restart runs jobs again that have not succeeded and keeps the other results', async () => {
  const receiver = await startReceiver({ after });
  const fails = { namespace: 'test', action: 'behave', params: { fatal: 'no' } };
  const asyncId = await system.run(
    [...echoJobs(2), fails, workJob('attempt', { fatal: true, failures: 9 })],
    {
      callbackUrl: receiver.url,
    },
  );
  await system.ended(asyncId);
  const before = await system.results(asyncId);
  await receiver.received(1);

  assert.deepEqual(await perform('restart', asyncId), { restarted: true });
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 4,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 2,
    failed: 2,
    cancelled: 0,
    skipped: 0,
  });
  const results = await system.results(asyncId);
  assert.deepEqual(results.slice(0, 2), before.slice(0, 2));
  assert.deepEqual(statuses(results), ['succeeded 1', 'succeeded 1', 'failed 1', 'failed 1']);
  assert.ok(results[3].finishedAt > before[3].finishedAt);
  assert.equal((await entriesOf(system, asyncId)).length, 2);
  const ids = (await receiver.received(2)).map(({ id }) => id);
  assert.equal(new Set(ids).size, 2, 'another completion, another webhook-id');
});

test('a restarted batch is queued again, and its counts include earlier successes', async () => {
  const asyncId = await idle.run([...echoJobs(3), workJob('attempt', { failures: 9, fatal: true })]);
  const worker = await idle.addWorker();
  await idle.ended(asyncId);
  await worker.drain();
  assert.deepEqual((await idle.rpc('restart', { async: asyncId })).body, { restarted: true });
  assert.deepEqual(await status(idle, asyncId), {
    progress: 75,
    asyncId,
    state: 'queued',
    counts: {
      total: 4,
      pending: 1,
      waiting: 0,
      running: 0,
      succeeded: 3,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    },
  });
  assert.deepEqual((await idle.rpc('restart', { async: asyncId })).body, { restarted: false });
});

test('a restart of a cancelled batch runs its cancelled jobs', async () => {
  const gated = Array.from({ length: 15 }, () => workJob('attempt', { gate: 'again' }));
  const { jobs, cancelKnown } = controlJobs('test.behave', 'again');
  const asyncId = await system.run([...gated, ...jobs]);
  await running(asyncId, 12);
  await perform('cancel', asyncId);
  await cancelKnown(system, asyncId);
  await openGate(system, 'again');
  const cancelled = await system.ended(asyncId);
  assert.deepEqual([cancelled.state, cancelled.counts.cancelled], ['cancelled', 5]);
  assert.deepEqual(await perform('restart', asyncId), { restarted: true });
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.equal(counts.succeeded, 17);
  assert.equal((await entriesOf(system, asyncId)).length, 15, 'those that had succeeded did not run again');
});

test('a batch cannot be restarted while it runs, or when every job has succeeded', async () => {
  const asyncId = await system.run([workJob('attempt', { gate: 'busy' })]);
  await running(asyncId, 1);
  assert.deepEqual(await perform('restart', asyncId), { restarted: false });
  await openGate(system, 'busy');
  assert.equal((await system.ended(asyncId)).counts.succeeded, 1);
  assert.deepEqual(await perform('restart', asyncId), { restarted: false });
  assert.equal((await entriesOf(system, asyncId)).length, 1);
});

test('a restart resets the number of runs of a job', async () => {
  const asyncId = await system.run([workJob('many', { n: 1, failures: 2 })]);
  await system.ended(asyncId);
  assert.deepEqual(statuses(await system.results(asyncId)), ['failed 2']);
  await perform('restart', asyncId);
  await system.ended(asyncId);
  assert.deepEqual(statuses(await system.results(asyncId)), ['failed 2']);
});

test('a restart does not run jobs that skipInvalid let pass', async () => {
  const invalid = [{ namespace: 'test', action: 'echo', params: { n: 'one' } }, null, 7];
  const asyncId = await system.run(
    [...echoJobs(1), ...invalid, workJob('attempt', { failures: 1, fatal: true })],
    { options: { skipInvalid: true } },
  );
  await system.ended(asyncId);
  const before = await system.results(asyncId);
  assert.deepEqual(statuses(before), ['succeeded 1', 'failed 0', 'failed 0', 'failed 0', 'failed 1']);
  assert.deepEqual(await perform('restart', asyncId), { restarted: true });
  const { counts } = await system.ended(asyncId);
  assert.deepEqual(counts, {
    total: 5,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 1,
    failed: 4,
    cancelled: 0,
    skipped: 0,
  });
  assert.deepEqual((await system.results(asyncId)).slice(0, 4), before.slice(0, 4));
  assert.equal((await entriesOf(system, asyncId)).length, 2);
});

test('a batch with only invalid jobs left has nothing to restart', async () => {
  const asyncId = await system.run(
    [...echoJobs(1), { namespace: 'test', action: 'echo', params: { n: 'one' } }],
    {
      options: { skipInvalid: true },
    },
  );
  await system.ended(asyncId);
  assert.deepEqual(await perform('restart', asyncId), { restarted: false });
  assert.equal((await status(system, asyncId)).state, 'completed');
});

test("a batch's times enclose those of its jobs, even if a job's transaction was open for long", async () => {
  const asyncId = await system.run([workJob('post', { name: 'times', gate: 'times' })]);
  await running(asyncId, 1);
  const since = performance.now();
  await waitFor(async () => performance.now() - since > 200, { what: 'some time to pass' });
  await openGate(system, 'times');
  await system.ended(asyncId);
  const [result] = await system.results(asyncId);
  const { body: batch } = await system.request(`/v1/batches/${asyncId}`);
  const times = [batch.createdAt, batch.startedAt, result.startedAt, result.finishedAt, batch.finishedAt];
  assert.deepEqual(times.toSorted(), times);
});

test("a batch's times enclose those of its jobs, even if its first settle is late", async () => {
  const own = await system.run([...echoJobs(3), workJob('attempt', { failures: 1 })]);
  await system.ended(own);
  const { body: batch } = await system.request(`/v1/batches/${own}`);
  for (const { startedAt, finishedAt } of await system.results(own)) {
    const times = [batch.createdAt, batch.startedAt, startedAt, finishedAt, batch.finishedAt];
    assert.deepEqual(times.toSorted(), times);
  }
});

test('a batch whose first runs failed and that waits for others is running', async () => {
  const asyncId = await system.run([workJob('attempt', { failures: 1, retryInSeconds: 3600 })]);
  await waitFor(async () => (await status(system, asyncId)).state === 'running', { what: 'the first run' });
  await perform('cancel', asyncId);
  await system.ended(asyncId);
});

test('an expired batch is visible while it runs, and hidden when it has ended', async () => {
  const asyncId = await system.run([workJob('attempt', { gate: 'expired' })]);
  await running(asyncId, 1);
  await system.pool.query(
    `update batchwright.batch set expires_at = now() - interval '1 hour' where id = $1`,
    [toBatchId(asyncId)],
  );
  assert.equal((await system.rpc('progress', { async: asyncId })).body.state, 'running');
  assert.equal((await system.rpc('results', { async: asyncId })).status, 409);
  for (const path of ['', '/results', '/callbacks'])
    assert.equal((await system.request(`/v1/batches/${asyncId}${path}`)).status, 200, path);
  const { body: list } = await system.request('/v1/batches?state=running');
  assert.ok(list.data.some((batch: { asyncId: string }) => batch.asyncId === asyncId));
  assert.deepEqual(await perform('cancel', asyncId), { cancelled: true });
  const ended = nextEvent(batchEnded, (batch) => batch.asyncId === asyncId, { what: 'the end of the batch' });
  await openGate(system, 'expired');
  await ended;
  assert.equal((await system.rpc('progress', { async: asyncId })).status, 404);
  assert.equal((await system.rpc('results', { async: asyncId })).status, 404);
});

test('the end of a batch is one log line, even if several transactional jobs end it', async (t) => {
  const worker = await idle.addWorker();
  t.after(() => worker.drain());
  const asyncId = await idle.run([
    ...Array.from({ length: 30 }, (_, n) => workJob('postMany', { name: `line ${n}` })),
    workJob('attempt', { fatal: true, failures: 1 }),
  ]);
  await idle.ended(asyncId);
  const lines = () => idle.log.filter((line) => line.msg === 'batch ended' && line.asyncId === asyncId);
  const [line] = await waitFor(async () => lines().length > 0 && lines(), { what: 'the line' });
  assert.deepEqual(
    { ...line?.counts, asyncId: line?.asyncId, state: line?.state, tenant: line?.tenant },
    {
      total: 31,
      succeeded: 30,
      failed: 1,
      cancelled: 0,
      skipped: 0,
      asyncId,
      state: 'completed',
      tenant: 'default',
    },
  );
  assert.ok(line && line.durationMs >= 0);
  assert.equal(lines().length, 1);
});

test('a batch whose jobs were all refused gets its log line exactly once, in every format', async () => {
  const before = idle.log.length;
  const refused = (count: number) =>
    Array.from({ length: count }, () => ({ namespace: 'test', action: 'echo', params: { n: 'none' } }));
  const options = { skipInvalid: true };
  const asyncIds: string[] = [];
  for (const count of [2, 1500]) {
    const send = () =>
      idle.rpc('run', { jobs: refused(count), options }, { 'idempotency-key': `of ${count}` });
    const { asyncId } = (await send()).body;
    assert.equal((await send()).body.asyncId, asyncId);
    asyncIds.push(asyncId);
  }
  await idle.run([...refused(1), { namespace: 'test', action: 'echo', params: { n: 1 } }], { options });
  const lines = idle.log.slice(before).filter(({ msg }) => msg === 'batch ended');
  assert.deepEqual(
    lines.map(({ asyncId, state, counts }) => [asyncId, state, counts.failed]),
    [
      [asyncIds[0], 'completed', 2],
      [asyncIds[1], 'completed', 1500],
    ],
  );
});

test('failing, retried and refused jobs are logged in one line per action', async () => {
  const before = idle.log.length;
  const worker = await idle.addWorker();
  const message = 'GET https://me:secret@api.test/a?key=1 failed';
  const failing = Array.from({ length: 40 }, () => workJob('attempt', { failures: 9, fatal: true, message }));
  const again = Array.from({ length: 20 }, () => workJob('attempt', { failures: 1, message }));
  const refused = Array.from({ length: 7 }, () => workJob('refused', { refusals: 1, seconds: 0.1 }));
  const asyncId = await idle.run([...failing, ...again, ...refused]);
  await idle.ended(asyncId);
  await worker.drain();
  const refusals = idle.log
    .slice(before)
    .filter(({ msg }) => msg === 'jobs were refused by the called service and will run again');
  assert.ok(refusals.length <= 2, `${refusals.length} lines`);
  assert.equal(
    refusals.reduce((sum, line) => sum + line.count, 0),
    7,
  );
  for (const { level, action, delaySeconds } of refusals)
    assert.deepEqual([level, action, delaySeconds], [30, 'work.refused', 0.1]);
  for (const [msg, level, count] of [
    ['jobs failed', 40, 40],
    ['jobs failed and will run again', 30, 20],
  ]) {
    const lines = idle.log.slice(before).filter((line) => line.msg === msg);
    assert.ok(lines.length <= 2, `${lines.length} lines`);
    assert.equal(
      lines.reduce((sum, line) => sum + line.count, 0),
      count,
    );
    for (const line of lines) {
      assert.deepEqual([line.level, line.action, line.asyncId], [level, 'work.attempt', asyncId]);
      assert.ok(Number.isInteger(line.index));
      assert.equal(line.error, 'GET https://…@api.test/a?… failed');
    }
  }
});
