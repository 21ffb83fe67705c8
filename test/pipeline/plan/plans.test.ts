import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { Releaser } from '../../../src/pipeline/plan/releaser.ts';
import { startReleasingLeft } from '../../../src/pipeline/upkeep/release-left.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import type { Json } from '../../support/json.ts';
import { silentLog } from '../../support/silent-log.ts';
import { type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

let system: System;

before(async (t) => {
  system = await startSystem(t as never);
});

function job(id: string | number | undefined, more: object = {}, params: object = {}): object {
  return { ...(id === undefined ? {} : { id }), namespace: 'test', action: 'behave', params, ...more };
}

const FAILS = { fatal: 'no' };

async function statuses(asyncId: string): Promise<string[]> {
  return (await system.results(asyncId)).map(({ status }) => status);
}

function behaves(jobs: object[], gate: string): object[] {
  return jobs.concat(job('gated', {}, { gate }));
}

async function openGate(name: string): Promise<void> {
  await system.pool.query('insert into test.gate (name) values ($1)', [name]);
}

async function counts(asyncId: string): Promise<Json> {
  return (await system.rpc('progress', { async: asyncId })).body.counts;
}

test('a job starts when those that it depends on have ended as needed', async () => {
  const asyncId = await system.run([
    job('last', { dependsOn: ['b', { job: 'c', when: 'failed' }, { job: 'd', when: 'finished' }] }),
    job('b', { dependsOn: ['a'] }),
    job('a'),
    job('c', {}, FAILS),
    job('d', { dependsOn: ['c'] }),
  ]);
  const { state, counts } = await system.ended(asyncId);
  assert.equal(state, 'completed');
  assert.deepEqual(counts, {
    total: 5,
    pending: 0,
    waiting: 0,
    running: 0,
    succeeded: 3,
    failed: 1,
    cancelled: 0,
    skipped: 1,
  });
  const [last, b, a, c, d] = await system.results(asyncId);
  assert.ok(Date.parse(b.startedAt) >= Date.parse(a.finishedAt));
  assert.ok(Date.parse(last.startedAt) >= Date.parse(b.finishedAt));
  assert.equal(d.status, 'skipped');
  assert.equal(d.attempts, 0);
  assert.equal(d.startedAt, null);
  assert.deepEqual({ ...d.response, message: '' }, { errorCode: 424, message: '', causedBy: c.index });
});

test('waiting jobs are counted apart, and are in no message', async () => {
  const asyncId = await system.run(
    behaves([job(1, { dependsOn: ['gated'] }), job(2, { dependsOn: [1] })], 'counted'),
  );
  await waitFor(async () => (await counts(asyncId)).running === 1, { what: 'the gated job' });
  assert.deepEqual(await counts(asyncId), {
    total: 3,
    pending: 0,
    waiting: 2,
    running: 1,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  });
  const { rows } = await system.pool.query(
    `select data->'indexes' as indexes from pgboss.job where data->>'batch' is not null and state < 'completed'`,
  );
  assert.deepEqual(rows, [{ indexes: '[2]' }]);
  await openGate('counted');
  assert.equal((await system.ended(asyncId)).counts.succeeded, 3);
});

test('a job that waits for a group starts after each of its jobs', async () => {
  const asyncId = await system.run([
    job('all', { dependsOn: [{ group: 'load' }] }),
    job('any', { dependsOn: [{ group: 'load', when: 'finished' }] }),
    job('none', { dependsOn: [{ group: 'load', when: 'failed' }] }),
    job(undefined, { group: 'load' }),
    job('f', { group: 'load' }, FAILS),
    job(undefined, { group: 'load', dependsOn: ['f'] }),
  ]);
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), [
    'skipped',
    'succeeded',
    'skipped',
    'succeeded',
    'failed',
    'skipped',
  ]);
  const [all, , none] = await system.results(asyncId);
  assert.equal(all.response.causedBy, 4);
  assert.equal(none.response.causedBy, 3);
});

test('skips are handed on along a chain of 3,000 jobs', async () => {
  const jobs = Array.from({ length: 3000 }, (_, n) =>
    n === 0 ? job('0', {}, FAILS) : job(String(n), { dependsOn: [String(n - 1)] }),
  );
  const asyncId = await system.run(jobs);
  const { counts } = await system.ended(asyncId);
  assert.deepEqual([counts.failed, counts.skipped, counts.waiting], [1, 2999, 0]);
  const { body } = await system.rpc('results', { async: asyncId, start: 2999, perPage: 1 });
  assert.equal(body.results[0].response.causedBy, 0);
});

test('a star of 6,000 jobs is released by its one job', async () => {
  const jobs = Array.from({ length: 6000 }, (_, n) =>
    n === 0 ? job('hub') : { namespace: 'test', action: 'echo', params: { n }, dependsOn: ['hub'] },
  );
  const asyncId = await system.run(jobs);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 6000);
});

test('a cancel ends the jobs that wait', async () => {
  const jobs = Array.from({ length: 2500 }, (_, n) => job(n, { dependsOn: [n === 0 ? 'gated' : n - 1] }));
  const asyncId = await system.run(behaves(jobs, 'cancelled'));
  await waitFor(async () => (await counts(asyncId)).running === 1, { what: 'the gated job' });
  assert.deepEqual((await system.rpc('cancel', { async: asyncId })).body, { cancelled: true });
  await waitFor(async () => (await counts(asyncId)).cancelled === 2500, { what: 'the cancelled jobs' });
  await openGate('cancelled');
  const { state, counts: ended } = await system.ended(asyncId);
  assert.equal(state, 'cancelled');
  assert.deepEqual([ended.succeeded, ended.cancelled, ended.waiting], [1, 2500, 0]);
});

test('a restart observes dependencies again', async () => {
  const asyncId = await system.run([
    job('a', {}, { failUntilAttempt: 3, gate: 'restarted' }),
    job('b', { dependsOn: ['a'] }),
    job('c', { dependsOn: ['b'] }),
    job('x', { dependsOn: [{ job: 'a', when: 'failed' }] }),
  ]);
  await openGate('restarted');
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), ['failed', 'skipped', 'skipped', 'succeeded']);
  // Only c: b has still been skipped.
  assert.equal((await system.rpc('restart', { async: asyncId, indexes: [2] })).body.restarted, true);
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), ['failed', 'skipped', 'skipped', 'succeeded']);
  const [, , c] = await system.results(asyncId);
  assert.equal(c.response.causedBy, 0);
  assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, true);
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), ['failed', 'skipped', 'skipped', 'succeeded']);
});

test('jobs that depend on an invalid one are skipped under skipInvalid', async () => {
  const asyncId = await system.run(
    [
      job('bad', {}, { n: 'x' }),
      job('b', { dependsOn: ['bad'] }),
      job('c', { dependsOn: [{ job: 'bad', when: 'failed' }] }),
    ],
    { options: { skipInvalid: true } },
  );
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), ['failed', 'skipped', 'succeeded']);
});

test('names that no job has, and jobs that wait for each other, are refused', async () => {
  const refusal = async (jobs: object[]): Promise<string[]> => {
    const { status, body } = await system.rpc('run', { jobs });
    assert.deepEqual([status, body.specificCode], [400, 24092]);
    return body.additionalMessages;
  };
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b', { group: 'g' }] })]), [
    'jobs[0].dependsOn[0]: no job of the batch has the id "b"',
    'jobs[0].dependsOn[1]: no job of the batch is in the group "g"',
  ]);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['a'] })]), ['jobs[0] ("a") depends on itself']);
  assert.deepEqual(
    await refusal([
      job('a', { dependsOn: ['c'] }),
      job('b', { dependsOn: ['a'], group: 'g' }),
      job('c', { dependsOn: [{ group: 'g' }] }),
      job('d', { dependsOn: ['c'] }),
    ]),
    [
      'these wait for each other: jobs[0] ("a") → jobs[2] ("c") → the group "g" → jobs[1] ("b") → jobs[0] ("a")',
    ],
  );
});

test('jobs on lines may depend on later ones, over several chunks', async () => {
  const lines = Array.from({ length: 2500 }, (_, n) =>
    JSON.stringify({
      id: `j${n}`,
      namespace: 'test',
      action: 'echo',
      params: { n },
      ...(n % 100 === 99 ? {} : { dependsOn: [`j${n + 1}`] }),
    }),
  );
  const post = (body: string) =>
    system.request('/v1/batches', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
  const { status, body } = await post(lines.join('\n'));
  assert.equal(status, 202);
  assert.equal((await system.ended(body.asyncId)).counts.succeeded, 2500);
  const [first, second] = await system.results(body.asyncId);
  assert.ok(Date.parse(first.startedAt) >= Date.parse(second.finishedAt));

  const wrong = await post(
    `${lines.join('\n')}\n\n{"namespace":"test","action":"echo","params":{},"dependsOn":["x"]}`,
  );
  assert.equal(wrong.status, 400);
  assert.deepEqual(wrong.body.errors, ['line 2502: dependsOn[0]: no job of the batch has the id "x"']);
  const errorsOf = async (...wrongLines: object[]): Promise<string[]> =>
    (await post(wrongLines.map((line) => JSON.stringify(line)).join('\n'))).body.errors;
  assert.deepEqual(
    await errorsOf(
      job('a', { dependsOn: [{ job: 'b', when: 'done' }] }),
      job('b', { bind: { '/x/y': { job: 'a', at: '' } } }),
      job('c', {}, { n: 'x' }),
    ),
    [
      'line 1: dependsOn[0].when must be one of succeeded, failed, finished',
      'line 2: bind["/x/y"]: there is no object or array at params/x',
      'line 3: params.n must be integer',
    ],
  );
  assert.deepEqual(await errorsOf(job('a', { dependsOn: ['a'] })), ['line 1: the job "a" depends on itself']);
  assert.deepEqual(await errorsOf(job('a', { bind: { '/n': { job: 'x', at: '' } } })), [
    'line 1: bind["/n"]: no job of the batch has the id "x"',
  ]);
});

test('a job waits through the retries of another, in another queue, and in a transaction', async () => {
  const asyncId = await system.run([
    job('retried', {}, { failUntilAttempt: 2 }),
    { id: 'lane', namespace: 'work', action: 'lane', params: {}, dependsOn: ['retried'] },
    { id: 'post', namespace: 'work', action: 'post', params: { name: 'planned' }, dependsOn: ['lane'] },
    job('end', { dependsOn: ['post'] }),
  ]);
  assert.equal((await system.ended(asyncId)).counts.succeeded, 4);
  const [retried, lane, post, end] = await system.results(asyncId);
  assert.equal(retried.attempts, 3);
  assert.ok(Date.parse(lane.startedAt) >= Date.parse(retried.finishedAt));
  assert.ok(Date.parse(end.startedAt) >= Date.parse(post.finishedAt));
});

test('the last two jobs of a group may end at the same time in two processes', async () => {
  const other = await system.forkWorker();
  for (let round = 0; round < 10; round++) {
    const asyncId = await system.run([
      job('end', { dependsOn: [{ group: 'g' }, { group: 'h', when: 'finished' }] }),
      { id: 'one', group: 'g', namespace: 'work', action: 'lane', params: {} },
      job('two', { group: 'g' }),
      job('three', { group: 'h' }, round % 2 === 0 ? {} : FAILS),
    ]);
    const { counts } = await system.ended(asyncId);
    assert.equal(counts.succeeded, round % 2 === 0 ? 4 : 3);
  }
  const gone = once(other, 'exit');
  other.kill('SIGTERM');
  await gone;
});

test('what a process that died has noted is released, and the sweep makes lost counters again', async (t) => {
  const queue = await startTestQueue();
  t.after(() => queue.stop());
  const deps = { ...system, log: silentPluginLog, queue, queues: system.registry.queues };
  for (const isLost of [false, true]) {
    const gate = `swept ${isLost}`;
    const jobs = [
      job(1, { dependsOn: ['gated'] }),
      job(2, { dependsOn: [1], group: 'g' }),
      job(3, { dependsOn: [{ group: 'g' }] }),
    ];
    const asyncId = await system.run(behaves(jobs, gate));
    // As if the process had died after the settle and before the release.
    const wake = t.mock.method(Releaser.prototype, 'wake', () => {});
    await openGate(gate);
    await waitFor(async () => wake.mock.callCount() > 0, { what: 'the end of the gated job' });
    wake.mock.restore();
    if (isLost)
      await system.pool.query('delete from batchwright.plan_note where batch_id = $1', [toBatchId(asyncId)]);
    assert.equal((await counts(asyncId)).waiting, 3);
    if (isLost) await sweep(deps, { minAgeSeconds: 0 });
    const releasing = isLost ? null : startReleasingLeft(deps, { everyMs: 50, minAgeSeconds: 0 });
    try {
      const { counts: ended } = await system.ended(asyncId);
      assert.equal(ended.succeeded, 4);
    } finally {
      await releasing?.stop();
    }
  }
});

function startTestQueue(): ReturnType<typeof startQueue> {
  const { databaseUrl: url, registry } = system;
  return startQueue({ url, queues: registry.queues, applicationName: 'test', max: 2, log: silentLog });
}

test('what an invalid job says about others is checked under skipInvalid too', async () => {
  const refusal = async (jobs: object[]): Promise<string[]> => {
    const { status, body } = await system.rpc('run', { jobs, options: { skipInvalid: true } });
    assert.deepEqual([status, body.specificCode], [400, 24092]);
    return body.additionalMessages;
  };
  const invalid = { n: 'x' };
  const unknown = ['jobs[0].dependsOn[0]: no job of the batch has the id "b"'];
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b'] }, invalid), job('c')]), unknown);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b'], action: 'none' }), job('c')]), unknown);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b'], params: undefined }), job('c')]), unknown);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b'], other: 1 }), job('c')]), unknown);
  assert.deepEqual(await refusal([job('a', { bind: { '/n': { job: 'b', at: '' } }, other: 1 })]), [
    'jobs[0].bind["/n"]: no job of the batch has the id "b"',
  ]);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['a'] }, invalid)]), [
    'jobs[0] ("a") depends on itself',
  ]);
  assert.deepEqual(await refusal([job('a', { dependsOn: ['b'] }, invalid), job('b', { dependsOn: ['a'] })]), [
    'these wait for each other: jobs[0] ("a") → jobs[1] ("b") → jobs[0] ("a")',
  ]);
});

test('an invalid job has failed for those that wait for it or its group, whatever is wrong with it', async () => {
  const dependsOn = ['first'];
  const bind = { '/value': { job: 'first', at: '' } };
  const invalid = [
    job('params', { group: 'params', dependsOn, bind }, { n: 'x' }),
    job('action', { group: 'action', dependsOn, action: 'none' }),
    job('absent', { group: 'absent', dependsOn, params: undefined }),
    job('member', { group: 'member', dependsOn, other: 1 }),
    job('plan', { group: 'plan', dependsOn: 7 }),
  ];
  const names = ['params', 'action', 'absent', 'member', 'plan'];
  const waiting = [
    ...names.map((name) => job(undefined, { dependsOn: [{ group: name }] })),
    ...names.map((name) => job(undefined, { dependsOn: [{ group: name, when: 'failed' }] })),
    ...names.map((name) => job(undefined, { dependsOn: [{ job: name, when: 'failed' }] })),
  ];
  const asyncId = await system.run([job('first'), ...invalid, ...waiting], {
    options: { skipInvalid: true },
  });
  await system.ended(asyncId);
  const expected = [
    'succeeded',
    ...invalid.map(() => 'failed'),
    ...names.map(() => 'skipped'),
    ...names.map(() => 'succeeded'),
    ...names.map(() => 'succeeded'),
  ];
  assert.deepEqual(await statuses(asyncId), expected);
  assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
  await system.ended(asyncId);
  assert.deepEqual(await statuses(asyncId), expected);
});
