import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startReceiver, verified } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackOf,
  callbackSecret,
  deliveries,
  endedBatch,
} from './deliver-support.ts';

const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '0,0,0' } });
const secret = await callbackSecret(system);

const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });
const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });

const openGate = (name: string) => system.pool.query('insert into test.gate (name) values ($1)', [name]);

async function effects(name: string): Promise<number> {
  const { rowCount } = await system.pool.query('select from test.effect where name = $1', [name]);
  return rowCount ?? 0;
}

/** The answer of `results` as it was sent. */
async function resultsText(asyncId: string): Promise<string> {
  const response = await fetch(`${system.url}/batch?action=results&async=${asyncId}`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  return response.text();
}

/** The text of the `results` member, the last one apart from what `after` says. */
function resultsMember(text: string, end: RegExp): string {
  return text.slice(text.indexOf('"results":['), text.search(end));
}

describe('callback bodies', () => {
  test('a callback body has asyncId, state, counts and a result object for each job', async (t) => {
    const receiver = await startReceiver(t);
    const jobs = [{ ...echo(1), id: 'first' }, behave({ fatal: 'broken' })];
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    const body = verified(secret, callback);
    assert.deepEqual(body, {
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
      results: [
        {
          index: 0,
          id: 'first',
          namespace: 'test',
          action: 'echo',
          request: { n: 1 },
          response: { n: 1 },
          status: 'succeeded',
          attempts: 1,
          startedAt: body.results[0].startedAt,
          finishedAt: body.results[0].finishedAt,
        },
        {
          index: 1,
          namespace: 'test',
          action: 'behave',
          request: { fatal: 'broken' },
          response: { errorCode: 461, message: 'broken' },
          status: 'failed',
          attempts: 1,
          startedAt: body.results[1].startedAt,
          finishedAt: body.results[1].finishedAt,
        },
      ],
    });
    for (const { startedAt, finishedAt } of body.results) {
      assert.match(startedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(finishedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  });

  test('a callback body has the exact text of the results answer, and requests as they were sent', async (t) => {
    const receiver = await startReceiver(t);
    const params = [
      '{"n":1,"price":1.50,"big":12345678901234567890,"exp":1E+2}',
      String.raw`{"text":"\u0041\u0000\ud800 é €😀\/","n":2}`,
      '{"n":3, "same" : 1 , "same": 2,"__proto__":{"a":[]}}',
    ];
    const jobs = params.map((text) => `{"namespace":"test","action":"echo","params":${text}}`);
    const run = await system.rpc('run', `{"jobs":[${jobs}],"callbackUrl":"${receiver.url}"}`);
    assert.equal(run.status, 200, JSON.stringify(run.body));
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    verified(secret, callback);
    for (const text of params) assert.ok(callback.body.includes(`"request":${text},`), text);
    assert.equal(
      resultsMember(callback.body, /\}$/),
      resultsMember(await resultsText(run.body.asyncId), /,"meta":\{[^{]*$/),
    );
  });

  test('the callback body of a cancelled batch has its state and a result for every job', async (t) => {
    const receiver = await startReceiver(t);
    const jobs = Array.from({ length: 40 }, (_, index) =>
      behave({ effect: 'cancelled batch', gate: index < 10 ? 'early' : 'late' }),
    );
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    await waitFor(async () => (await effects('cancelled batch')) === 10, { what: 'ten jobs to run' });
    assert.deepEqual((await system.rpc('cancel', { async: asyncId })).body, { cancelled: true });
    await openGate('early');
    await waitFor(
      async () => (await system.rpc('progress', { async: asyncId })).body.counts.succeeded === 10,
      { what: 'the first ten jobs to be recorded' },
    );
    await openGate('late');
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    const { state, counts, results } = verified(secret, callback);
    assert.equal(state, 'cancelled');
    assert.equal(counts.total, 40);
    assert.equal(counts.pending, 0);
    assert.equal(counts.succeeded + counts.cancelled, 40);
    assert.equal(results.length, 40);
    assert.equal(results[0].status, 'succeeded');
    const last = results[39];
    assert.deepEqual(
      { status: last.status, response: last.response, attempts: last.attempts, startedAt: last.startedAt },
      { status: 'cancelled', response: null, attempts: 0, startedAt: null },
    );
    assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
      state: 'delivered',
      attempts: 1,
    });
  });

  test('the callback of a batch with only invalid jobs is sent too', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await endedBatch(system, receiver.url);
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    const { state, counts, results } = verified(secret, callback);
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
    assert.equal(results[0].response.specificCode, 23016);
    assert.equal(results[0].attempts, 0);
    await callbackBecomes(system, asyncId, 'delivered');
  });
});

describe('callback headers', () => {
  test('callback headers follow Standard Webhooks, with the type and the length of the body', async (t) => {
    const receiver = await startReceiver(t);
    const before = Math.floor(Date.now() / 1000);
    await system.run([echo(1)], { callbackUrl: receiver.url });
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    const { headers, body } = callback;
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
    assert.equal(headers['transfer-encoding'], undefined);
    assert.match(headers['webhook-id'] ?? '', /^[A-Za-z0-9_]+$/);
    const timestamp = Number(headers['webhook-timestamp']);
    assert.ok(timestamp >= before && timestamp <= Date.now() / 1000, `${timestamp}`);
    assert.match(headers['webhook-signature'] ?? '', /^v1,[A-Za-z0-9+/]{43}=$/);
    verified(secret, callback);
  });

  test('the signature covers the id, the time and the body', async (t) => {
    const receiver = await startReceiver(t);
    await system.run([echo(1)], { callbackUrl: receiver.url });
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    const { headers, body } = callback;
    const refused = { message: /No matching signature found/ };
    assert.throws(() => verified(secret, { ...callback, body: body.replace('{"n":1}', '{"n":2}') }), refused);
    for (const changed of [
      { 'webhook-id': `${headers['webhook-id']}0` },
      { 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) },
    ])
      assert.throws(() => verified(secret, { ...callback, headers: { ...headers, ...changed } }), refused);
  });

  test("callbacks are signed with the tenant's own secret", async (t) => {
    const receiver = await startReceiver(t);
    const made = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'hooks', tenant: 'hook-tenant', permissions: ['test.*'] }),
    });
    assert.equal(made.status, 201);
    const authorization = `Bearer ${made.body.key}`;
    const theirs = await callbackSecret(system, made.body.key);
    assert.match(theirs, /^whsec_/);
    assert.notEqual(theirs, secret);
    const run = await system.rpc('run', { jobs: [echo(1)], callbackUrl: receiver.url }, { authorization });
    assert.equal(run.status, 200);
    const [callback] = await receiver.received(1);
    assert.ok(callback);
    assert.equal(verified(theirs, callback).asyncId, run.body.asyncId);
    assert.throws(() => verified(secret, callback), { message: /No matching signature found/ });
  });
});

describe('webhook-id', () => {
  test('webhook-id is the same for every attempt and repost, and different for each completion', async (t) => {
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number <= 2 ? 500 : 200).end(),
    });
    const asyncId = await system.run([behave({ fatal: 'broken' })], { callbackUrl: receiver.url });
    await receiver.received(3);
    await callbackBecomes(system, asyncId, 'delivered');
    assert.deepEqual((await system.rpc('repost', { async: asyncId })).body, { reposted: true });
    const first = await receiver.received(4);
    assert.equal(new Set(first.map(({ id }) => id)).size, 1);
    for (const callback of first) verified(secret, callback);
    await callbackBecomes(system, asyncId, 'delivered');

    assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
    const [again] = (await receiver.received(5)).slice(4);
    assert.ok(again);
    assert.notEqual(again.id, first[0]?.id);
    verified(secret, again);
    await callbackBecomes(system, asyncId, 'delivered');
    await system.rpc('repost', { async: asyncId });
    assert.equal((await receiver.received(6))[5]?.id, again.id);
  });

  test('webhook-id differs from batch to batch', async (t) => {
    const receiver = await startReceiver(t);
    await Promise.all([1, 2, 3].map((n) => system.run([echo(n)], { callbackUrl: receiver.url })));
    assert.equal(new Set((await receiver.received(3)).map(({ id }) => id)).size, 3);
  });
});

describe('CALLBACK_RETRY_SECONDS', () => {
  test('CALLBACK_RETRY_SECONDS has one pause per attempt after the first; then the callback has failed', async (t) => {
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await system.run([echo(1)], { callbackUrl: receiver.url });
    assert.deepEqual(await callbackBecomes(system, asyncId, 'failed'), { state: 'failed', attempts: 4 });
    assert.equal(receiver.callbacks.length, 4);
    const log = await deliveries(system, asyncId);
    assert.deepEqual(
      log.map(({ number, status, nextInSeconds }) => [number, status, nextInSeconds]),
      [
        [1, 500, 0],
        [2, 500, 0],
        [3, 500, 0],
        [4, 500, null],
      ],
    );
    // The batch itself is not affected.
    assert.equal((await system.results(asyncId)).length, 1);
  });
});

describe('repost', () => {
  test('each repost sends the callback again and is logged as the trigger', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await system.run([echo(1)], { callbackUrl: receiver.url });
    const [first] = await receiver.received(1);
    await callbackBecomes(system, asyncId, 'delivered');
    for (const count of [2, 3]) {
      assert.deepEqual((await system.rpc('repost', { async: asyncId })).body, { reposted: true });
      // Another repost would replace this one while it waits.
      await receiver.received(count);
    }
    const all = await receiver.received(3);
    for (const callback of all) {
      verified(secret, callback);
      assert.equal(callback.body, first?.body);
    }
    const log = await attemptsLogged(system, asyncId, 3);
    assert.deepEqual(
      log.map(({ number, trigger, status }) => ({ number, trigger, status })),
      [
        { number: 1, trigger: 'completion', status: 200 },
        { number: 2, trigger: 'repost', status: 200 },
        { number: 3, trigger: 'repost', status: 200 },
      ],
    );
  });

  test('a repost delivers a callback that had failed for good', async (t) => {
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number === 1 ? 410 : 200).end(),
    });
    const asyncId = await system.run([echo(1)], { callbackUrl: receiver.url });
    await callbackBecomes(system, asyncId, 'failed');
    assert.deepEqual((await system.rpc('repost', { async: asyncId })).body, { reposted: true });
    const [first, second] = await receiver.received(2);
    assert.equal(second?.id, first?.id);
    await callbackBecomes(system, asyncId, 'delivered');
  });

  test('a repost answers false without a callbackUrl, and before the end of the batch', async (t) => {
    const silent = await system.run([echo(1)]);
    await system.ended(silent);
    assert.deepEqual((await system.rpc('repost', { async: silent })).body, { reposted: false });
    assert.deepEqual(await callbackOf(system, silent), { state: null, attempts: 0 });

    const receiver = await startReceiver(t);
    const running = await system.run([behave({ gate: 'repost' })], { callbackUrl: receiver.url });
    assert.deepEqual((await system.rpc('repost', { async: running })).body, { reposted: false });
    assert.deepEqual(await deliveries(system, running), []);
    await openGate('repost');
    await receiver.received(1);
    assert.equal(receiver.callbacks.length, 1);
  });

  test('a repost of a missing batch, or of another tenant, is answered 404', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await system.run([echo(1)], { callbackUrl: receiver.url });
    await callbackBecomes(system, asyncId, 'delivered');
    const made = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'stranger', tenant: 'stranger', permissions: ['*'] }),
    });
    const authorization = `Bearer ${made.body.key}`;
    for (const [async, headers] of [
      [asyncId, { authorization }],
      ['0'.repeat(32), {}],
    ] as const) {
      const { status, body } = await system.rpc('repost', { async }, headers);
      assert.equal(status, 404);
      assert.equal(body.specificCode, 24105);
    }
    assert.equal(receiver.callbacks.length, 1);
  });
});
