/** Batches that start at a time, must have started by a time, or stop when too many jobs have failed. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, type TestContext, test } from 'node:test';
import { Batchwright } from '../../../src/client/index.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import { echo, gated, openGate, postLines, refuse, runsOf, toLines } from '../../http/v1/support.ts';
import { startHttpServer } from '../../outbound/loopback.ts';
import { onCluster } from '../../support/cluster.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { workJob } from '../work-jobs.ts';

const system = await startSystem({ after });
const { pool } = system;
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });

const TONIGHT = new Date(Date.now() + 36_000_000).toISOString();
const gatedJobs = (gate: string, count: number) => Array.from({ length: count }, () => gated(gate));
const ended = async (asyncId: string): Promise<Json> => system.ended(asyncId);
const view = async (asyncId: string): Promise<Json> => (await system.request(`/v1/batches/${asyncId}`)).body;

async function atGate(gate: string, count: number): Promise<void> {
  await waitFor(async () => (await runsOf(pool, gate)) === count, { what: `${count} jobs at ${gate}` });
}

/** As if so much of the time had passed. */
async function timePasses(asyncId: string, seconds: number): Promise<void> {
  await pool.query(
    `with sooner as (
       select start_at - $2 * interval '1 s' as start_at, deadline_at - $2 * interval '1 s' as deadline_at,
         due_at - $2 * interval '1 s' as due_at
       from batchwright.batch where id = $1
     )
     update batchwright.batch set start_at = sooner.start_at, deadline_at = sooner.deadline_at, due_at = sooner.due_at
     from sooner where id = $1`,
    [toBatchId(asyncId), seconds],
  );
}

/** The lanes look at their queue, and take what they may take. */
async function lanesWork(): Promise<void> {
  assert.equal((await system.ended(await system.run([echo(1), workJob('lane')]))).state, 'completed');
}

async function receiver(t: TestContext) {
  const received: Json[] = [];
  const { url } = await startHttpServer(t, async (request, response) => {
    received.push(JSON.parse(await text(request)));
    response.end();
  });
  return { callbackUrl: `${url}/hook`, received };
}

test('nothing of a batch starts before startAt; until then it is queued, and its jobs wait', async () => {
  const { asyncId } = await client.batches.create({
    jobs: [...gatedJobs('start', 2), { ...workJob('lane'), group: 'g' } as never],
    options: { startAt: TONIGHT },
  });
  const lines = await postLines(system, toLines(gatedJobs('start', 1001)), {
    query: `?startAt=${encodeURIComponent(TONIGHT)}`,
  });
  await openGate(pool, 'start');
  await lanesWork();
  for (const id of [asyncId, lines.body.asyncId]) {
    const { state, counts, startAt, createdAt, expiresAt } = await view(id);
    assert.deepEqual([state, counts.waiting, counts.pending, startAt], ['queued', counts.total, 0, TONIGHT]);
    assert.ok(Date.parse(expiresAt) - Date.parse(createdAt) > 7 * 86_400_000 + 30_000_000);
  }
  assert.equal(await runsOf(pool, 'start'), 0);
  for (const id of [asyncId, lines.body.asyncId]) {
    await timePasses(id, 36_001);
    assert.equal((await system.ended(id)).state, 'completed');
  }
  assert.equal(await runsOf(pool, 'start'), 1003);
});

test('a startAt that has passed starts at once', async () => {
  const asyncId = await system.run([echo(1)], { options: { startAt: '2020-01-31T12:00:00+02:00' } });
  assert.equal((await system.ended(asyncId)).state, 'completed');
  assert.equal((await view(asyncId)).startAt, '2020-01-31T10:00:00.000Z');
});

test('a batch that cannot be started keeps none of those behind it waiting', {
  skip: onCluster() && 'it creates a trigger',
}, async () => {
  const start = () => system.run([echo(1)], { options: { startAt: TONIGHT } });
  const [broken, behind] = [await start(), await start()];
  await pool.query(
    `create function test.refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`,
  );
  await pool.query(
    `create trigger refuse before update on batchwright.batch for each row
     when (old.id = '${toBatchId(broken)}' and old.is_scheduled and not new.is_scheduled) execute function test.refuse()`,
  );
  await timePasses(broken, 36_002);
  await timePasses(behind, 36_001);
  assert.equal((await ended(behind)).state, 'completed');
  assert.equal((await view(broken)).state, 'queued');
  await pool.query('drop function test.refuse() cascade');
  assert.equal((await ended(broken)).state, 'completed');
});

test('a batch is cancelled before its time, and its restart waits for the time again', async () => {
  const asyncId = await system.run(gatedJobs('early', 3), { options: { startAt: TONIGHT } });
  await openGate(pool, 'early');
  await client.batches.cancel(asyncId);
  const { state, counts } = await ended(asyncId);
  assert.deepEqual([state, counts.cancelled], ['cancelled', 3]);
  const restarted = await client.batches.restart(asyncId);
  assert.deepEqual([restarted.state, restarted.counts.waiting], ['queued', 3]);
  await lanesWork();
  assert.equal(await runsOf(pool, 'early'), 0);
  await timePasses(asyncId, 36_001);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 3);
});

test('a batch that is paused when its time comes starts when it is resumed, and not before its time', async () => {
  const asyncId = await system.run(gatedJobs('both', 2), { options: { startAt: TONIGHT } });
  await openGate(pool, 'both');
  await client.batches.pause(asyncId);
  await client.batches.resume(asyncId);
  await lanesWork();
  await client.batches.pause(asyncId);
  await timePasses(asyncId, 36_001);
  await waitFor(async () => (await view(asyncId)).counts.waiting === 0, { what: 'the time to be noticed' });
  await lanesWork();
  assert.equal(await runsOf(pool, 'both'), 0);
  await client.batches.resume(asyncId);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 2);
});

test('what has not started by the deadline is cancelled and says why; what runs ends as it ends', async (t) => {
  const { callbackUrl, received } = await receiver(t);
  const jobs = [
    ...gatedJobs('deadline', 12),
    workJob('attempt', { failures: 1, retryInSeconds: 3600 }),
    { ...echo(1), dependsOn: ['never'] },
    { ...gated('deadline'), id: 'never' },
  ];
  const asyncId = await system.run(jobs, { callbackUrl, options: { deadlineSeconds: 3600 } });
  await atGate('deadline', 10);
  await waitFor(
    async () => {
      const { rowCount } = await pool.query(
        `select from pgboss.job where group_id = $1 and start_after > now() + interval '1000 s'`,
        [toBatchId(asyncId)],
      );
      return rowCount === 1;
    },
    { what: 'the retry to wait' },
  );
  await timePasses(asyncId, 3600);
  await waitFor(async () => (await view(asyncId)).stoppedBy === 'deadline', { what: 'the deadline' });
  // A cancel changes nothing more; its answer says that no worker starts another job.
  await client.batches.cancel(asyncId);
  await openGate(pool, 'deadline');
  const { state, counts } = await ended(asyncId);
  assert.deepEqual([state, counts.succeeded, counts.cancelled], ['cancelled', 10, 5]);
  const why = { errorCode: 408, message: 'The deadline of the batch had passed before the job started' };
  const results = await system.results(asyncId);
  const cancelled = results.filter(({ status }) => status === 'cancelled');
  // A job that had run keeps the error of its last run.
  assert.deepEqual(
    cancelled.map(({ index, response }) => (index === 12 ? response.message : response)),
    cancelled.map(({ index }) => (index === 12 ? 'this time not' : why)),
  );
  const [callback] = await waitFor(async () => received.length > 0 && received, { what: 'the callback' });
  assert.deepEqual([callback.state, callback.stoppedBy], ['cancelled', 'deadline']);
  const again = await client.batches.restart(asyncId);
  assert.equal(again.stoppedBy, undefined);
  assert.ok(Date.parse(again.deadlineAt ?? '') > Date.now() + 3_000_000, 'the deadline begins again');
  await waitFor(
    async () => {
      await pool.query('update pgboss.job set start_after = now() where group_id = $1', [toBatchId(asyncId)]);
      return (await view(asyncId)).state === 'completed';
    },
    { what: 'the end, with the retry made due' },
  );
  assert.equal((await view(asyncId)).counts.succeeded, 15);
});

test('a deadline that passes when every job has started leaves the batch completed', async () => {
  const asyncId = await system.run(gatedJobs('all started', 3), { options: { deadlineSeconds: 3600 } });
  await atGate('all started', 3);
  await timePasses(asyncId, 3600);
  await waitFor(async () => (await view(asyncId)).stoppedBy === 'deadline', { what: 'the deadline' });
  await openGate(pool, 'all started');
  assert.equal((await system.ended(asyncId)).state, 'completed');
});

test('the deadline of a paused or a scheduled batch ends it', async () => {
  const scheduled = await system.run([echo(1)], { options: { deadlineSeconds: 0.1, startAt: TONIGHT } });
  const limited = { options: { deadlineSeconds: 3600, concurrency: 1 } };
  const paused = await system.run(gatedJobs('paused', 3), limited);
  await atGate('paused', 1);
  await client.batches.pause(paused);
  await openGate(pool, 'paused');
  await timePasses(paused, 3600);
  for (const asyncId of [scheduled, paused]) {
    const { state, counts } = await ended(asyncId);
    assert.deepEqual([state, counts.total - counts.cancelled], ['cancelled', asyncId === paused ? 1 : 0]);
  }
});

test('a batch stops when so many jobs have failed', async () => {
  const jobs = [...Array.from({ length: 3 }, () => refuse), ...gatedJobs('stop', 12)];
  const asyncId = await system.run(jobs, { options: { stopAfter: { failed: 3 } } });
  await waitFor(async () => (await view(asyncId)).stoppedBy === 'stopAfter', { what: 'the stop' });
  await openGate(pool, 'stop');
  const { state, counts } = await ended(asyncId);
  assert.equal(state, 'cancelled');
  assert.equal(counts.failed, 3);
  assert.equal(counts.cancelled + counts.succeeded, 12);
  const cancelled = (await system.results(asyncId)).filter(({ status }) => status === 'cancelled');
  assert.ok(cancelled.length >= 2);
  for (const { response } of cancelled)
    assert.deepEqual(response, {
      errorCode: 424,
      message: 'The batch was stopped, because too many of its jobs had failed',
    });
});

test('failures before a restart do not count after it', async () => {
  const options = { stopAfter: { failed: 2 }, concurrency: 1 };
  const asyncId = await system.run([refuse, refuse, echo(1), echo(2)], { options });
  const first = await ended(asyncId);
  assert.deepEqual([first.state, first.counts.failed, first.counts.cancelled], ['cancelled', 2, 2]);
  await client.batches.restart(asyncId, { status: ['cancelled'] });
  const { state, counts } = await ended(asyncId);
  assert.deepEqual([state, counts.failed, counts.succeeded], ['completed', 2, 2]);
});

test('jobs that skipInvalid refused do not count, neither at first nor after a restart', async () => {
  const invalid = Array.from({ length: 3 }, () => ({ namespace: 'nobody', action: 'knows', params: {} }));
  for (const stopAfter of [{ failed: 2 }, { failedPercent: 30 }]) {
    const options = { skipInvalid: true, stopAfter, concurrency: 1 };
    const asyncId = await system.run([...invalid, echo(1), echo(2), echo(3), refuse], { options });
    for (const run of ['first', 'second']) {
      const { state, counts } = await ended(asyncId);
      assert.deepEqual([state, counts.failed, counts.succeeded], ['completed', 4, 3], run);
      if (run === 'first') await client.batches.restart(asyncId);
    }
  }
  const stops = { skipInvalid: true, stopAfter: { failed: 2 }, concurrency: 1 };
  const stopped = await ended(await system.run([...invalid, refuse, refuse, echo(1)], { options: stops }));
  assert.deepEqual([stopped.state, stopped.counts.failed, stopped.counts.cancelled], ['cancelled', 5, 1]);
});

test('a percentage counts only once so many jobs have run, and never stops a batch that has ended', async () => {
  const refused = Array.from({ length: 3 }, () => refuse);
  const early = { stopAfter: { failedPercent: 50, finished: 3 } };
  const stopped = await system.run([...refused, ...gatedJobs('percent', 12)], { options: early });
  await waitFor(async () => (await view(stopped)).stoppedBy === 'stopAfter', { what: 'the stop' });
  const late = { stopAfter: { failedPercent: 50, finished: 100 } };
  const whole = await system.run([...refused, ...gatedJobs('percent', 12)], { options: late });
  await openGate(pool, 'percent');
  const { state, counts } = await ended(stopped);
  assert.deepEqual([state, counts.failed, counts.cancelled >= 2], ['cancelled', 3, true]);
  assert.equal((await ended(whole)).counts.succeeded, 12);
  const last = await system.run([refuse], { options: { stopAfter: { failed: 1 } } });
  const final = await ended(last);
  assert.deepEqual([final.state, Object.hasOwn(final, 'stoppedBy')], ['completed', false]);
});

test('jobs that wait for others and retries are cancelled by stopAfter too', async () => {
  const jobs = [
    { ...gated('after'), id: 'a' },
    { ...echo(1), dependsOn: ['a'] },
    workJob('attempt', { failures: 1, retryInSeconds: 3600 }),
    { ...refuse, id: 'b' },
  ];
  const asyncId = await system.run(jobs, { options: { stopAfter: { failedPercent: 100 } } });
  await waitFor(async () => (await view(asyncId)).stoppedBy === 'stopAfter', { what: 'the stop' });
  await openGate(pool, 'after');
  const { state, counts } = await ended(asyncId);
  assert.equal(state, 'cancelled');
  assert.equal(counts.pending + counts.waiting, 0);
  assert.equal((await system.results(asyncId))[1]?.status, 'cancelled');
});

for (const [options, message] of [
  [{ startAt: 'tonight' }, 'options.startAt must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z'],
  [{ startAt: '2030-02-31' }, 'options.startAt must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z'],
  [
    { startAt: '2027-02-30T12:00:00Z' },
    'options.startAt must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z',
  ],
  [{ startAt: null }, 'options.startAt must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z'],
  [{ startAt: '9999-01-31T12:00:00Z' }, 'options.startAt must not be more than a year ahead'],
  [{ deadlineSeconds: 0 }, 'options.deadlineSeconds must be a number above 0, of 31622400 at most'],
  [{ deadlineSeconds: '5' }, 'options.deadlineSeconds must be a number above 0, of 31622400 at most'],
  [{ stopAfter: 3 }, 'options.stopAfter must be like {"failed":10} or {"failedPercent":20,"finished":100}'],
  [{ stopAfter: {} }, 'options.stopAfter needs failed or failedPercent'],
  [{ stopAfter: { failed: 0 } }, 'options.stopAfter.failed must be a whole number from 1, not 0'],
  [{ stopAfter: { failed: 1, finished: 3 } }, 'options.stopAfter.finished goes with failedPercent'],
  [
    { stopAfter: { failedPercent: 101 } },
    'options.stopAfter.failedPercent must be a number above 0, of 100 at most, not 101',
  ],
  [{ stopAfter: { percent: 1 } }, /^options\.stopAfter\.percent is not known/],
] as const)
  test(`${JSON.stringify(options)} is 400`, async () => {
    for (const call of ['run', 'validate']) {
      const { status, body } = await system.rpc(call, { jobs: [echo(1)], options });
      assert.deepEqual([status, body.specificCode], [400, 24092]);
      if (typeof message === 'string') assert.equal(body.message, message);
      else assert.match(body.message, message);
    }
  });
