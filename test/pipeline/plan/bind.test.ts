import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { Json } from '../../support/json.ts';
import { type System, startSystem } from '../../support/system.ts';
import { openGate, workJob } from '../work-jobs.ts';

let system: System;

before(async (t) => {
  system = await startSystem(t as never);
});

interface Bound {
  [place: string]: { job: string | number; at: string; default?: unknown };
}

/** A job that answers its params. */
function echo(id: string | undefined, params: object, bind?: Bound, more: object = {}): object {
  const named = id === undefined ? {} : { id };
  return { ...named, namespace: 'test', action: 'echo', params, ...(bind ? { bind } : {}), ...more };
}

function respond(id: string, kind: string): object {
  return { id, namespace: 'work', action: 'respond', params: { kind } };
}

/** The results of a batch of these jobs. */
async function resultsOf(jobs: readonly object[], more: object = {}): Promise<Json[]> {
  const asyncId = await system.run([...jobs], more);
  await system.ended(asyncId);
  return system.results(asyncId);
}

async function refusal(...jobs: object[]): Promise<string[]> {
  const { status, body } = await system.rpc('run', { jobs });
  assert.deepEqual([status, body.specificCode], [400, 24092]);
  return body.additionalMessages;
}

test('params get values from the responses of other jobs, and the result shows them', async () => {
  const [child, , last] = await resultsOf([
    echo(
      'child',
      { list: [0, 0], deep: { a: 1 } },
      {
        '/list/0': { job: 'parent', at: '/id' },
        '/list/2': { job: 'parent', at: '/name' },
        '/list/-': { job: 'parent', at: '/tags/1' },
        '/deep/b': { job: 'parent', at: '/none', default: { d: null } },
        '/whole': { job: 'parent', at: '' },
        '/a~1b': { job: 'parent', at: '/~01' },
      },
    ),
    echo('parent', { id: 7, name: 'Ada', tags: ['x', 'y'], '~1': false }),
    echo('last', {}, { '/n': { job: 'child', at: '/list/0' } }),
  ]);
  const params = {
    list: [7, 0, 'Ada', 'y'],
    deep: { a: 1, b: { d: null } },
    whole: { id: 7, name: 'Ada', tags: ['x', 'y'], '~1': false },
    'a/b': false,
  };
  assert.equal(child.status, 'succeeded');
  assert.deepEqual(child.response, params);
  assert.deepEqual(child.request, params);
  assert.deepEqual(last.response, { n: 7 });
});

test('values are bound however the places were sent: first what others belong into', async () => {
  const [, child] = await resultsOf([
    echo('parent', { box: { list: [] }, one: 1, two: 2 }),
    echo(
      'child',
      {},
      {
        '/box/list/1': { job: 'parent', at: '/two' },
        '/box/list/0': { job: 'parent', at: '/one' },
        '/box': { job: 'parent', at: '/box' },
      },
    ),
  ]);
  assert.deepEqual(child.response, { box: { list: [1, 2] } });
});

test('the params as a whole can be the response of another job', async () => {
  const [, child] = await resultsOf([
    echo('parent', { n: 5 }),
    echo('child', {}, { '': { job: 'parent', at: '' } }),
  ]);
  assert.deepEqual(child.request, { n: 5 });
});

test('numbers keep their digits in the request that the result shows', async () => {
  const asyncId = await system.run([
    respond('digits', 'digits'),
    echo(
      'child',
      { sent: 1 },
      {
        '/id': { job: 'digits', at: '/id' },
        '/all': { job: 'digits', at: '' },
        '/none': { job: 'digits', at: '/none', default: 0 },
      },
    ),
    echo('whole', {}, { '/n': { job: 'digits', at: '/id' } }),
  ]);
  await system.ended(asyncId);
  const answer = await fetch(`${system.url}/v1/batches/${asyncId}/results`, {
    headers: { authorization: `Bearer ${system.config.adminKey}` },
  });
  const text = await answer.text();
  assert.ok(
    text.includes(
      '"request":{"sent":1,"all":{"id":9007199254740993,"rate":0.10000000000000000001},"id":9007199254740993,"none":0}',
    ),
    text,
  );
  // A whole number that would be rounded is refused where the schema requires one, as in a request.
  const [, , whole] = await system.results(asyncId);
  assert.equal(whole.status, 'failed');
  assert.equal(whole.response.specificCode, 23016);
  assert.match(whole.response.additionalMessages[0], /^params\.n must be integer/);
});

test('__proto__ and other inherited names are names like any other', async () => {
  const [, child, missing] = await resultsOf([
    respond('parent', 'inherited'),
    echo(
      'child',
      {},
      {
        '/__proto__': { job: 'parent', at: '/__proto__' },
        '/constructor': { job: 'parent', at: '/list/0/constructor' },
      },
    ),
    echo('missing', {}, { '/x': { job: 'parent', at: '/toString' } }),
  ]);
  assert.equal(JSON.stringify(child.request), '{"__proto__":{"polluted":true},"constructor":7}');
  assert.equal((Object.prototype as { polluted?: boolean }).polluted, undefined);
  assert.equal(missing.response.errorCode, 424);
});

test('a job whose value is not there fails at once, and its dependents are skipped', async () => {
  const [, child, next] = await resultsOf([
    echo('parent', { list: [1], text: 'ab' }),
    echo('child', { a: 1 }, { '/b': { job: 'parent', at: '/list/1' } }),
    echo('next', {}, { '/b': { job: 'child', at: '/b' } }),
  ]);
  assert.equal(child.status, 'failed');
  assert.equal(child.attempts, 0);
  assert.equal(child.startedAt, null);
  assert.deepEqual(child.response, {
    errorCode: 424,
    message: 'bind["/b"]: the response of job 0 has nothing at "/list/1"',
    causedBy: 0,
  });
  assert.deepEqual(child.request, { a: 1 });
  assert.equal(next.status, 'skipped');
  assert.equal(next.response.causedBy, 1);
});

test('a place that a bound value does not have fails the job', async () => {
  const [, child] = await resultsOf([
    echo('parent', { n: 1 }),
    echo('child', {}, { '/a': { job: 'parent', at: '/n' }, '/a/b': { job: 'parent', at: '/n' } }),
  ]);
  assert.deepEqual(child.response, {
    errorCode: 424,
    message: 'bind["/a/b"]: there is no object or array for it',
    causedBy: 0,
  });
});

test('params that break the schema once they are bound fail the job at once', async () => {
  const [, child] = await resultsOf([
    echo('parent', { name: 'Ada' }),
    echo('child', {}, { '/n': { job: 'parent', at: '/name' } }),
  ]);
  assert.equal(child.attempts, 0);
  assert.deepEqual(child.request, { n: 'Ada' });
  assert.deepEqual(child.response, {
    errorCode: 400,
    message: "'n' does not validate",
    specificCode: 23016,
    additionalMessages: ['params.n must be integer'],
  });
});

test('a job may get values from the error of one that failed, or of one that was skipped', async () => {
  const [, skipped, failed, both, normal] = await resultsOf([
    { id: 'bad', namespace: 'test', action: 'behave', params: { fatal: 'broken' } },
    echo('skipped', {}, undefined, { dependsOn: ['bad'] }),
    echo(
      'failed',
      {},
      { '/why': { job: 'bad', at: '/message' } },
      {
        dependsOn: [{ job: 'bad', when: 'failed' }],
      },
    ),
    echo(
      'both',
      {},
      {
        '/code': { job: 'skipped', at: '/errorCode' },
        '/id': { job: 'skipped', at: '/id', default: 'none' },
      },
      { dependsOn: [{ job: 'skipped', when: 'finished' }] },
    ),
    echo('normal', {}, { '/why': { job: 'bad', at: '/message' } }),
  ]);
  assert.equal(skipped.status, 'skipped');
  assert.deepEqual(failed.response, { why: 'broken' });
  assert.deepEqual(both.response, { code: 424, id: 'none' });
  assert.equal(normal.status, 'skipped');
  assert.equal(normal.response.causedBy, 0);
});

test('bound places count as present when the batch is taken, and everything else is checked', async () => {
  const strict = (params: object, bind: Bound, id = 'child') => ({
    id,
    namespace: 'rpc',
    action: 'strict',
    params,
    bind,
  });
  const from = { job: 'parent', at: '/id' };
  const parent = echo('parent', { id: 1, name: 'n' });
  assert.deepEqual(await refusal(parent, strict({}, { '/id': from })), ['jobs[1].params.name is required']);
  assert.deepEqual(await refusal(parent, strict({ name: 5 }, { '/id': from, '/nmae': from })), [
    'jobs[1].params.nmae is not known',
    'jobs[1].params.name must be string',
  ]);
  assert.deepEqual(
    await refusal(parent, strict({ name: 'a', tags: [{}, {}] }, { '/id': from, '/tags/0/label': from })),
    ['jobs[1].params.tags[1].label is required'],
  );
  const shapes = { id: 's', namespace: 'test', action: 'shapes' };
  // Which of the two kinds it will be is known only when it is bound.
  const [, ok, wrong] = await resultsOf([
    parent,
    {
      ...shapes,
      params: { event: 1, pay: { by: 'x' } },
      bind: {
        '/pay/by': { job: 'parent', at: '/by', default: 'card' },
        '/pay/card': { job: 'parent', at: '/name' },
      },
    },
    { ...shapes, id: 't', params: { event: 1, pay: {} }, bind: { '/pay/by': from, '/pay/card': from } },
  ]);
  assert.equal(ok.status, 'succeeded');
  assert.equal(wrong.response.specificCode, 23016);
});

test('wrong bindings are refused with their place, and nothing is stored', async () => {
  const parent = echo('parent', {});
  const from = { job: 'parent', at: '/id' };
  const cases: [object, string][] = [
    [{ bind: [] }, 'jobs[1].bind must be an object, such as {"/event":{"job":"a","at":"/id"}}'],
    [{ bind: { id: from } }, 'jobs[1].bind.id must be'],
    [
      { bind: { '/a~2b': from } },
      'jobs[1].bind["/a~2b"] must be a JSON Pointer of at most 1000 characters, such as "/event": "~2" in it is neither "~0", which is ~, nor "~1", which is /',
    ],
    [
      { bind: { '/a': { ...from, at: '/b~' } } },
      'jobs[1].bind["/a"].at must be a JSON Pointer of at most 1000 characters, such as "/id": "~" in it is neither',
    ],
    [{ bind: { '/a': 'parent' } }, 'jobs[1].bind["/a"] must be an object, such as {"job":"a","at":"/id"}'],
    [{ bind: { '/a': { at: '/id' } } }, 'jobs[1].bind["/a"].job must be the id of a job'],
    [{ bind: { '/a': { job: 'parent' } } }, 'jobs[1].bind["/a"].at must be a JSON Pointer'],
    [{ bind: { '/a': { ...from, at: 'id' } } }, 'jobs[1].bind["/a"].at must be a JSON Pointer'],
    [{ bind: { '/a': { ...from, as: 1 } } }, 'jobs[1].bind["/a"].as is not known'],
    [
      { bind: { '/a': { job: 'none', at: '' } } },
      'jobs[1].bind["/a"]: no job of the batch has the id "none"',
    ],
    [{ bind: { '/a/b': from } }, 'jobs[1].bind["/a/b"]: there is no object or array at params/a'],
    [
      { params: { a: [] }, bind: { '/a/1': from } },
      'jobs[1].bind["/a/1"]: the array at params/a has 0 elements',
    ],
    [
      { params: { a: [] }, bind: { '/a/x': from } },
      'jobs[1].bind["/a/x"]: the array at params/a has 0 elements',
    ],
    [{ id: 'me', bind: { '/a': { job: 'me', at: '' } } }, 'jobs[1] ("me") depends on itself'],
  ];
  for (const [members, message] of cases) {
    const [first = ''] = await refusal(parent, { ...echo(undefined, {}), ...members });
    assert.ok(first.startsWith(message), `${first} instead of ${message}`);
  }
  // The first job with places has others; those of the next are in the order of their pointers.
  const fine = echo(undefined, {}, { '/a': from, '/b': from });
  const twice = { '/d': { job: 'none', at: '' }, '/c': { job: 'none', at: '' }, '/b': from };
  assert.deepEqual(await refusal(parent, fine, echo(undefined, {}, twice)), [
    'jobs[2].bind["/c"]: no job of the batch has the id "none"',
  ]);
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`/${n}`, from]));
  assert.deepEqual(await refusal(parent, echo(undefined, {}, many)), [
    'jobs[1].bind has 1001 places: a job can have at most 1000',
  ]);
  const { body } = await system.rpc('validate', { jobs: [parent, echo(undefined, {}, { '/a': from })] });
  assert.deepEqual(body, { valid: true });
});

test('a job shows what it waits for, and what waits for it', async () => {
  const asyncId = await system.run([
    echo(
      'child',
      {},
      { '/n': { job: 'parent', at: '/n' } },
      { dependsOn: [{ group: 'all' }], group: 'more' },
    ),
    echo('parent', { n: 1 }, undefined, { group: 'all' }),
    echo('other', {}, undefined, { dependsOn: ['parent', 'parent'] }),
  ]);
  await system.ended(asyncId);
  const jobs = await Promise.all(
    [0, 1, 2].map(async (index) => (await system.request(`/v1/batches/${asyncId}/jobs/${index}`)).body),
  );
  const shown = jobs.map(({ dependsOn, group, bind, dependencies, dependents }) => ({
    dependsOn,
    group,
    bind,
    dependencies,
    dependents,
  }));
  assert.deepEqual(shown, [
    {
      dependsOn: [{ group: 'all' }],
      group: 'more',
      bind: { '/n': { job: 'parent', at: '/n' } },
      dependencies: { count: 1, indexes: [1], groups: [{ group: 'all', jobs: 1, remaining: 0 }] },
      dependents: { count: 0, indexes: [] },
    },
    {
      dependsOn: undefined,
      group: 'all',
      bind: undefined,
      dependencies: { count: 0, indexes: [], groups: [] },
      dependents: { count: 2, indexes: [0, 2] },
    },
    {
      dependsOn: ['parent', 'parent'],
      group: undefined,
      bind: undefined,
      dependencies: { count: 1, indexes: [1], groups: [] },
      dependents: { count: 0, indexes: [] },
    },
  ]);
});

test('a job shows what it waits for in far chunks of the batch', async () => {
  const at = (n: number) => `j${n}`;
  const last = 11_999;
  const jobs = Array.from({ length: last + 1 }, (_, n) => ({ ...echo(at(n), { n }) }));
  jobs[6_000] = echo(at(6_000), {}, undefined, { dependsOn: [at(0), at(last), at(5_999)] });
  const asyncId = await system.run(jobs, {
    options: { startAt: new Date(Date.now() + 3_600_000).toISOString() },
  });
  const { body } = await system.request(`/v1/batches/${asyncId}/jobs/6000`);
  assert.deepEqual(body.dependencies, { count: 3, indexes: [0, 5_999, last], groups: [] });
  await system.request(`/v1/batches/${asyncId}/cancel`, { method: 'POST' });
  await system.ended(asyncId);
});

test('jobs get no more values when those of their batch have params of 4 GiB, and say so', async () => {
  const jobs = [
    { id: 'hub', ...workJob('attempt', { gate: 'full' }) },
    ...Array.from({ length: 1100 }, () => echo(undefined, {}, { '/n': { job: 'hub', at: '/attempt' } })),
    { namespace: 'test', action: 'echo', params: {}, dependsOn: ['hub'] },
  ];
  const asyncId = await system.run(jobs);
  // As if others had got it.
  await system.pool.query(
    `insert into batchwright.bound_params (batch_id, index, params, length)
     select $1, 5000 + n, '', 1024 * 1024 * 1024 from generate_series(1, 4) as n`,
    [toBatchId(asyncId)],
  );
  await openGate(system, 'full');
  const { counts } = await system.ended(asyncId);
  assert.deepEqual([counts.succeeded, counts.failed], [2, 1100]);
  const [, first] = await system.results(asyncId);
  assert.equal(first?.attempts, 0);
  assert.deepEqual(first?.response, {
    errorCode: 413,
    message:
      'bind: the jobs of the batch have params with values of 4294967296 bytes together, and get no more',
  });
});
