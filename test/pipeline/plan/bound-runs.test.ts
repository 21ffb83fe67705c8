/** Jobs that get values from others, in every way in which jobs run. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, type TestContext, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { runChunk } from '../../../src/pipeline/run/run-chunk.ts';
import type { Json } from '../../support/json.ts';
import { type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startCalledServer } from '../../worker/limits-server.ts';
import { startClaiming } from '../claims.ts';
import { startReceiver } from '../deliver/deliver-receiver.ts';
import { openGate } from '../work-jobs.ts';

let system: System;

before(async (t) => {
  system = await startSystem(t as never, { env: { HTTP_ALLOW: '127.0.0.1' } });
});

/** The job that others get values from: it answers its params. */
function parent(params: object): object {
  return { id: 'parent', namespace: 'test', action: 'echo', params };
}

/** A job with values of `parent`: by place in its params, the place in the response. */
function child(name: string, params: object, bind: Record<string, string>, more: object = {}): object {
  const [namespace, action] = name.split('.');
  const from = Object.entries(bind).map(([place, at]) => [place, { job: 'parent', at }]);
  return { namespace, action, params, bind: Object.fromEntries(from), ...more };
}

async function resultsOf(jobs: readonly object[], more: object = {}): Promise<Json[]> {
  const asyncId = await system.run([...jobs], more);
  await system.ended(asyncId);
  return system.results(asyncId);
}

async function startServer(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('jobs that run together get their values, and those without a value fail alone', async () => {
  const jobs = Array.from({ length: 40 }, (_, n) =>
    child('work.many', {}, { '/n': n === 7 ? '/none' : `/list/${n}` }),
  );
  const list = Array.from({ length: 40 }, (_, n) => n * 2);
  const [, ...children] = await resultsOf([parent({ list }), ...jobs]);
  for (const [n, { status, request, response }] of children.entries())
    if (n === 7) assert.equal(response.errorCode, 424);
    else
      assert.deepEqual(
        [status, request, response],
        ['succeeded', { n: n * 2 }, { n: n * 2, attempt: 1, together: 39 }],
      );
});

test('jobs get their values again when they cannot run together', async () => {
  const jobs = Array.from({ length: 5 }, (_, n) =>
    child('work.many', n === 2 ? { spoils: 'changes' } : {}, { '/n': `/list/${n}` }),
  );
  const [, ...children] = await resultsOf([parent({ list: [5, 6, 7, 8, 9] }), ...jobs]);
  for (const [n, { request, response }] of children.entries()) {
    assert.deepEqual(response, { n: n + 5, attempt: 1, together: 1 });
    assert.equal(request.n, n + 5);
  }
});

test('transactional jobs record their values with their results', async () => {
  const [, one, late, fatal, ...many] = await resultsOf([
    parent({ name: 'bound', failures: 1 }),
    child('work.post', {}, { '/name': '/name' }),
    child('work.post', {}, { '/name': '/name', '/failures': '/failures' }),
    child('work.post', { fatal: true }, { '/name': '/name' }),
    child('work.postMany', {}, { '/name': '/name' }),
    child('work.postMany', {}, { '/name': '/name' }),
  ]);
  assert.deepEqual(one.response, { name: 'bound', attempt: 1 });
  assert.deepEqual(one.request, { name: 'bound' });
  assert.deepEqual([late.attempts, late.request], [2, { name: 'bound', failures: 1 }]);
  assert.deepEqual([fatal.status, fatal.request], ['failed', { fatal: true, name: 'bound' }]);
  for (const { response, request } of many) {
    assert.deepEqual(response, { name: 'bound', attempt: 1, together: 2 });
    assert.deepEqual(request, { name: 'bound' });
  }
});

test('a job is given its values in each of its attempts, and the failed result shows them', async () => {
  const [, late, never] = await resultsOf([
    parent({ n: 9 }),
    child('test.behave', { failUntilAttempt: 2 }, { '/n': '/n' }),
    child('test.behave', { failUntilAttempt: 3 }, { '/n': '/n' }),
  ]);
  assert.deepEqual(late.response, { n: 9, attempt: 3 });
  assert.deepEqual(
    [never.status, never.attempts, never.request],
    ['failed', 3, { failUntilAttempt: 3, n: 9 }],
  );
});

test('limits look at the values', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const { url } = server;
  const jobs = Array.from({ length: 8 }, () => child('limit.account', { url }, { '/account': '/account' }));
  const asyncId = await system.run([
    parent({ account: 'bound' }),
    ...jobs,
    child('limit.account', { url }, { '/account': '/none' }),
  ]);
  await waitFor(
    async () => {
      const { body } = await system.request(`/v1/batches/${asyncId}`);
      return body.waitingFor?.[0]?.jobs === 6 && server.running.get('bound') === 2;
    },
    { what: 'six jobs to wait while two run' },
  );
  server.answer();
  await system.ended(asyncId);
  assert.deepEqual(
    (await system.results(asyncId)).map(({ status }) => status),
    [...Array.from({ length: 9 }, () => 'succeeded'), 'failed'],
  );
  assert.equal(server.most.get('bound'), 2);
  const { body } = await system.request('/v1/limits');
  const buckets = body.data.filter(({ action }: Json) => action === 'limit.account');
  assert.deepEqual(
    buckets.map(({ bucket }: Json) => bucket),
    ['bound'],
  );
});

test('a restart gives new values to the jobs that run again', async (t) => {
  let isUp = false;
  const url = await startServer(t, (_, response) => {
    response.statusCode = isUp ? 200 : 400;
    response.end('{"id":2}');
  });
  const asyncId = await system.run([
    { id: 'parent', namespace: 'http', action: 'request', params: { url, as: 'json', attempts: 1 } },
    child('test.echo', {}, { '/n': '/json/id' }),
    child('test.echo', {}, { '/n': '/errorCode' }, { dependsOn: [{ job: 'parent', when: 'failed' }] }),
    child('test.echo', {}, { '/n': '/json' }, { dependsOn: [{ job: 'parent', when: 'finished' }] }),
  ]);
  await system.ended(asyncId);
  const statuses = async () => (await system.results(asyncId)).map(({ status }) => status);
  assert.deepEqual(await statuses(), ['failed', 'skipped', 'succeeded', 'failed']);
  isUp = true;
  assert.equal((await system.rpc('restart', { async: asyncId })).body.restarted, true);
  await system.ended(asyncId);
  const [, bound, kept, wrong] = await system.results(asyncId);
  assert.deepEqual([bound.status, bound.request], ['succeeded', { n: 2 }]);
  assert.deepEqual([kept.request, kept.response], [{ n: 400 }, { n: 400 }]);
  // Its value is an object now: it fails for another reason.
  assert.deepEqual([wrong.request, wrong.response.specificCode], [{ n: { id: 2 } }, 23016]);
});

test('a selection of a restart gets the values of jobs that are not restarted', async () => {
  const asyncId = await system.run([
    parent({ n: 3, deadly: 'no' }),
    child('test.behave', {}, { '/n': '/n', '/fatal': '/deadly' }),
    child('test.behave', {}, { '/n': '/n', '/fatal': '/deadly' }),
  ]);
  await system.ended(asyncId);
  assert.equal((await system.rpc('restart', { async: asyncId, indexes: [2] })).body.restarted, true);
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['succeeded', 'failed', 'failed'],
  );
  assert.deepEqual(results[2].request, { n: 3, fatal: 'no' });
});

test('an answer of a MiB is bound into many jobs, and up to four into one', async () => {
  const strict = (id: number, bind: object) => ({
    namespace: 'rpc',
    action: 'strict',
    params: { id, name: 'x' },
    bind,
  });
  const largest = { job: 'parent', at: '' };
  const jobs = Array.from({ length: 30 }, (_, n) => strict(n, { '/padding': largest }));
  const places = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`/${n}`, { ...largest, default: 0 }]));
  const asyncId = await system.run([
    { id: 'parent', namespace: 'work', action: 'respond', params: { kind: 'largest' } },
    ...jobs,
    child('test.echo', {}, {}, { bind: places(5) }),
    { namespace: 'test', action: 'behave', params: {}, bind: { '/effect': largest, '/fatal': largest } },
  ]);
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  for (const [n, { response, request }] of results.slice(1, 31).entries()) {
    assert.deepEqual(response, { id: n, name: 'x' });
    assert.equal(request.padding.length, 1024 * 1024 - 2);
  }
  assert.deepEqual(results[31].response, {
    errorCode: 413,
    message: 'bind: the values have more than 4194304 characters together',
  });
  assert.equal(results[32].request.fatal.length, 1024 * 1024 - 2);
});

test('a value that is nested too deeply fails the job', async () => {
  const [, tooDeep] = await resultsOf([
    { id: 'parent', namespace: 'work', action: 'respond', params: { kind: 'nested' } },
    child('test.echo', {}, { '/a': '' }),
  ]);
  assert.equal(tooDeep.response.specificCode, 23016);
  assert.deepEqual(tooDeep.response.additionalMessages, [
    'bind["/a"]: with the value, the params are nested deeper than 497 levels',
  ]);
});

test('a job gets values from a thousand others', async () => {
  const sources = Array.from({ length: 1000 }, (_, n) => ({
    id: n,
    namespace: 'test',
    action: 'echo',
    params: { n },
  }));
  const bind = Object.fromEntries(sources.map(({ id }) => [`/list/${id}`, { job: id, at: '/n' }]));
  const results = await resultsOf([
    { namespace: 'test', action: 'echo', params: { list: [] }, bind },
    ...sources,
  ]);
  assert.deepEqual(
    results[0].response.list,
    sources.map(({ id }) => id),
  );
});

test('jobs on lines get values from later ones, and results show them in every form', async (t) => {
  const receiver = await startReceiver(t);
  const half = 750;
  const lines = Array.from({ length: 2 * half }, (_, n) =>
    JSON.stringify({
      ...{ id: `j${n}`, namespace: 'test', action: 'echo', params: n < half ? {} : { n, text: 'a\nb' } },
      ...(n < half ? { bind: { '/n': { job: `j${n + half}`, at: '/n' } } } : {}),
    }),
  );
  const { status, body } = await system.request(
    `/v1/batches?callbackUrl=${encodeURIComponent(receiver.url)}`,
    { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: lines.join('\n') },
  );
  assert.equal(status, 202);
  await system.ended(body.asyncId);
  const read = async (accept: string): Promise<string> => {
    const headers = { authorization: `Bearer ${system.config.adminKey}`, accept };
    return (await fetch(`${system.url}/v1/batches/${body.asyncId}/results`, { headers })).text();
  };
  const ndjson = (await read('application/x-ndjson')).trimEnd().split('\n');
  assert.equal(ndjson.length, 2 * half);
  for (const [n, line] of ndjson.slice(0, half).entries()) {
    const { request, response } = JSON.parse(line);
    assert.deepEqual([request, response], [{ n: n + half }, { n: n + half }]);
  }
  assert.match(
    (await read('text/csv')).split('\r\n')[1] ?? '',
    /,"\{""n"":750\}","\{""n"":750\}",succeeded,/,
  );
  const [callback] = await receiver.received(1);
  const { results } = JSON.parse(callback?.body ?? '{}');
  assert.deepEqual(results[3].request, { n: half + 3 });
  const { body: job } = await system.request(`/v1/batches/${body.asyncId}/jobs/3`);
  assert.deepEqual(job.request, { n: half + 3 });
});

test('the callback of a small batch shows the values', async (t) => {
  const receiver = await startReceiver(t);
  await system.run([parent({ n: 1 }), child('test.echo', {}, { '/n': '/n' })], { callbackUrl: receiver.url });
  const [callback] = await receiver.received(1);
  assert.deepEqual(JSON.parse(callback?.body ?? '{}').results[1].request, { n: 1 });
});

test('a job with wrong bindings, and those that get values from it, fail or are skipped under skipInvalid', async () => {
  const jobs = [
    child('test.echo', {}, { '/a/b': '/n' }, { id: 'wrong' }),
    { ...child('test.echo', {}, {}), bind: { '/n': { job: 'wrong', at: '/n' } } },
    parent({ n: 1 }),
  ];
  const [wrong, next] = await resultsOf(jobs, { options: { skipInvalid: true } });
  assert.deepEqual(wrong.response.additionalMessages, [
    'bind["/a/b"]: there is no object or array at params/a',
  ]);
  assert.equal(next.status, 'skipped');
});

test('a job whose process ended gets its values in the quarantine', async (t) => {
  const own = await startSystem(t, { worker: false });
  const claims = await startClaiming(t, own);
  const asyncId = await own.run([parent({ n: 1 }), child('work.die', {}, { '/times': '/n' })]);
  for (const claim of await claims.take()) await runChunk(claims.deps, 'default', claim);
  await claims.deps.releaser.idle();
  await own.pool.query(
    `update pgboss.job set name = 'quarantine.default' where state = 'created' and data->>'batch' is not null`,
  );
  await own.forkWorker();
  assert.equal((await own.ended(asyncId)).counts.succeeded, 2);
  const [, died] = await own.results(asyncId);
  assert.deepEqual([died.request, died.response], [{ times: 1 }, { runs: 2 }]);
});

test('a job that failed with its values, waits for another run and is cancelled shows them', async () => {
  const large = 'x'.repeat(900_000);
  const jobs = [
    parent({ message: 'bound', large }),
    child('work.attempt', { failures: 1, retryInSeconds: 3600 }, { '/message': '/message' }),
    // Together they are longer than what is settled at once.
    ...Array.from({ length: 6 }, () =>
      child('work.attempt', { failures: 1, retryInSeconds: 3600 }, { '/message': '/large' }),
    ),
    child('work.attempt', { gate: 'never' }, {}, { dependsOn: ['parent'] }),
  ];
  const asyncId = await system.run(jobs);
  await waitFor(
    async () => {
      const { rows } = await system.pool.query(
        `select coalesce(sum(jsonb_array_length(data -> 'indexes')), 0)::int as jobs from pgboss.job
         where group_id = $1 and start_after > now() + interval '1000 s'`,
        [toBatchId(asyncId)],
      );
      return rows[0].jobs === 7;
    },
    { what: 'the retries to wait' },
  );
  await system.rpc('cancel', { async: asyncId });
  await openGate(system, 'never');
  await system.ended(asyncId);
  const results = await system.results(asyncId);
  for (const { index, status, attempts, request } of results.slice(1, 8)) {
    assert.deepEqual([status, attempts], ['cancelled', 1]);
    const message = index === 1 ? 'bound' : large;
    assert.deepEqual(request, { failures: 1, retryInSeconds: 3600, message });
  }
});
