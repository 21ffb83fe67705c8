import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startCalledServer } from '../../worker/limits-server.ts';

const system = await startSystem({ after });

function jobs(action: string, count: number, params: object): object[] {
  return Array.from({ length: count }, () => ({ namespace: 'limit', action, params }));
}

function patch(name: string, change: unknown, headers: Record<string, string> = {}) {
  const body = typeof change === 'string' ? change : JSON.stringify(change);
  return system.request(`/v1/actions/${name}`, { method: 'PATCH', body, headers });
}

async function makeKey(fields: object): Promise<Record<string, string>> {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'test', ...fields }),
  });
  return { authorization: `Bearer ${body.key}` };
}

test('a batch shows which limits its jobs wait for, while they wait', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const params = { url: server.url, account: 'blue' };
  const first = await system.run(jobs('account', 100, params));
  await waitFor(async () => server.calls.length === 2, { what: 'the calls of the first batch' });
  const second = await system.run(jobs('account', 5, params));
  const expected = [{ action: 'limit.account', bucket: 'blue', jobs: 5, until: null }];
  // Jobs on their way between queue and worker are counted twice, or not at all, until the worker's next report.
  const shows = (view: () => Promise<Json>, waitingFor: object[]) =>
    waitFor(async () => isDeepStrictEqual((await view()).waitingFor, waitingFor), {
      what: JSON.stringify(waitingFor),
    });
  const batch = async (asyncId: string) => (await system.request(`/v1/batches/${asyncId}`)).body;
  await shows(() => batch(first), [{ ...expected[0], jobs: 98 }]);
  await shows(() => batch(second), expected);
  await shows(async () => (await system.rpc('progress', { async: second })).body, expected);
  await shows(async () => (await system.request('/v1/batches?limit=1')).body.data[0], expected);
  server.answer();
  await system.ended(first);
  await system.ended(second);
  assert.equal('waitingFor' in (await batch(second)), false);
});

test('GET /v1/limits shows the operator the buckets in use, and others those of their own jobs', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const tenant = await makeKey({ tenant: 'other', permissions: ['*'] });
  const mine = await system.run(jobs('account', 100, { url: server.url, account: 'green' }));
  await waitFor(async () => server.calls.length === 2, { what: 'the calls' });
  const held = await system.run(jobs('account', 3, { url: server.url, account: 'green' }));
  const all = await waitFor(
    async () => {
      const { body } = await system.request('/v1/limits');
      return (
        body.data.some(
          ({ waiting, running }: { waiting: number; running: number }) => waiting === 101 && running === 2,
        ) && body
      );
    },
    { what: 'the other jobs of both batches to wait, and two to run' },
  );
  assert.deepEqual(
    all.data.find(({ bucket }: { bucket: string }) => bucket === 'green'),
    {
      action: 'limit.account',
      bucket: 'green',
      waiting: 101,
      running: 2,
      asleepUntil: null,
      nextAt: null,
      pace: null,
    },
  );
  assert.deepEqual(
    all.actions.filter(({ name }: { name: string }) => name.startsWith('limit.')),
    [
      { name: 'limit.account', paused: false, limits: { concurrency: { max: 2, by: '/account' } } },
      { name: 'limit.paced', paused: false, limits: { rate: { limit: 20, perSeconds: 1 } } },
    ],
  );
  const { body: theirs } = await system.request('/v1/limits', { headers: tenant });
  assert.deepEqual(theirs.data, []);
  server.answer();
  for (const asyncId of [mine, held]) await system.ended(asyncId);
});

test('an action that is paused starts nothing while its jobs in flight end, and goes on when it is resumed', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const asyncId = await system.run(jobs('free', 50, { url: server.url }));
  await waitFor(async () => server.calls.length === 10, { what: 'jobs in flight' });
  const { status, body } = await patch('limit.free', { paused: true });
  assert.equal(status, 200);
  assert.deepEqual(body, { name: 'limit.free', paused: true, limits: null });
  await waitFor(
    async () => (await system.rpc('progress', { async: asyncId })).body.waitingFor?.[0]?.jobs === 40,
    { what: 'the other jobs to wait' },
  );
  server.answer();
  await waitFor(async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 10, {
    what: 'the jobs in flight to end',
  });
  const late = await system.run(jobs('free', 1, { url: server.url }));
  await waitFor(async () => (await system.rpc('progress', { async: late })).body.waitingFor, {
    what: 'a later batch to wait',
  });
  assert.equal(server.calls.length, 10);
  await patch('limit.free', { paused: false });
  for (const id of [asyncId, late]) await system.ended(id);
  assert.equal(server.calls.length, 51);
});

test('a limit is lowered, raised and removed while jobs wait for it', async (t) => {
  const server = await startCalledServer(t, { isHolding: true });
  const params = { url: server.url, account: 'red' };
  const asyncId = await system.run(jobs('account', 60, params));
  await waitFor(async () => server.calls.length === 2, { what: 'two calls' });
  await patch('limit.account', { limits: { concurrency: { max: 5, by: '/account' } } });
  await waitFor(async () => server.calls.length === 5, { what: 'five calls' });
  await patch('limit.account', { limits: { concurrency: { max: 1, by: '/account' } } });
  await patch('limit.account', { limits: {} });
  await waitFor(async () => server.calls.length === 10, { what: 'as many calls as a process runs' });
  server.answer();
  await system.ended(asyncId);
  const { body } = await patch('limit.account', { limits: null });
  assert.deepEqual(body.limits, { concurrency: { max: 2, by: '/account' } });
});

test('PATCH names what is wrong with a change, and is for operators', async () => {
  const other = await makeKey({ tenant: 'other', permissions: ['*', 'admin'] });
  const user = await makeKey({ permissions: ['*'] });
  for (const headers of [other, user]) {
    const { status, body } = await patch('limit.free', { paused: true }, headers);
    assert.equal(status, 403);
    assert.equal(body.status, 403);
  }
  assert.equal((await patch('limit.none', { paused: true })).status, 404);
  const wrong: [change: unknown, message: RegExp][] = [
    [{}, /paused or limits is required/],
    ['[', /not a JSON object/],
    [{ pause: true }, /pause is not known: did you mean paused/],
    [{ paused: 'yes' }, /paused must be true or false/],
    [{ limits: [] }, /limits must be an object/],
    [{ limits: { rates: {} } }, /limits\.rates is not known: did you mean rate/],
    [{ limits: { rate: { limit: 0, perSeconds: 1 } } }, /limits\.rate\.limit must be a whole number from 1/],
    [{ limits: { rate: { limit: 1 } } }, /limits\.rate\.perSeconds must be a number from 0\.001/],
    [{ limits: { concurrency: { max: 1, by: 'account' } } }, /limits\.concurrency\.by must be .*tenant/],
  ];
  for (const [change, message] of wrong) {
    const { status, headers, body } = await patch('limit.free', change);
    assert.equal(status, 400);
    assert.match(headers.get('content-type') ?? '', /application\/problem\+json/);
    assert.match(JSON.stringify(body), message);
  }
});
