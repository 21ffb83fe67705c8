/** `POST /v1/callbacks/test` */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Batchwright } from '../../../src/client/index.ts';
import { startReceiver, verified } from '../../pipeline/deliver/deliver-receiver.ts';
import { callbackSecret } from '../../pipeline/deliver/deliver-support.ts';
import { requireCallbackBody } from '../../support/documented.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { assertProblem } from './support.ts';

const system = await startSystem({ after }, { worker: false });
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });

const send = (body: unknown, init: RequestInit = {}): Promise<Answer> =>
  system.request('/v1/callbacks/test', { method: 'POST', body: JSON.stringify(body), ...init });

test('a test callback is signed, says that it is a test, and shows what the receiver answered', async (t) => {
  const receiver = await startReceiver(t, {
    answer: (response) => response.writeHead(202).end(`thanks ${'é'.repeat(2000)}`),
  });
  const headers = { authorization: 'Bearer of the receiver' };
  const { excerpt, durationMs, ...tested } = await client.testCallback(receiver.url, { headers });
  const [callback] = await receiver.received(1);
  assert.ok(callback);
  assert.deepEqual(tested, { id: callback.id, status: 202, error: null });
  assert.match(excerpt ?? '', /^thanks é{508,509}$/);
  assert.ok(Number.isInteger(durationMs) && durationMs >= 0);
  const body = verified(await callbackSecret(system), callback);
  assert.equal(body.test, true);
  assert.deepEqual(body.results, []);
  requireCallbackBody(body);
  assert.equal(callback.headers.authorization, headers.authorization);
  assert.match(callback.id, /^msg_test_/);
  const [entry] = (await system.request('/v1/audit')).body.data;
  assert.deepEqual(
    [entry.event, entry.target, entry.details],
    ['callback.tested', new URL(receiver.url).origin, { status: 202 }],
  );
});

test('a test callback that fails says why, and is not sent again', async (t) => {
  const receiver = await startReceiver(t, {
    answer: (response, number) =>
      number === 1
        ? response.writeHead(500).end('no such customer')
        : response.writeHead(302, { location: '/elsewhere' }).end(),
  });
  const shown = async (): Promise<Json> => {
    const { status, body } = await send({ url: receiver.url });
    assert.equal(status, 200);
    return [body.status, body.error, body.excerpt];
  };
  assert.deepEqual(await shown(), [500, 'the receiver answered 500', 'no such customer']);
  assert.deepEqual(await shown(), [302, 'the receiver answered 302', '']);
  assert.equal(receiver.callbacks.length, 2);
  await receiver.close();
  assert.deepEqual(await shown(), [null, 'connection refused', null]);
  assert.equal(receiver.callbacks.length, 2);
});

test('a test callback goes to allowed addresses only, and a wrong request sends nothing', async () => {
  for (const url of [
    'http://10.0.0.1/',
    'http://169.254.169.254/latest',
    'http://[::1]:4000/',
    'http://user:secret@127.0.0.1:4000/',
    'http://example.com:25/',
    'ftp://127.0.0.1/',
    'no address',
    7,
    undefined,
  ])
    assertProblem(await send({ url }), 400, /^url /);
  const url = 'http://127.0.0.1:4000/';
  for (const [headers, message] of [
    [[], /headers must be an object of texts/],
    ['x', /headers must be an object of texts/],
    [{ a: 1 }, /headers must be an object of texts/],
    [{ 'webhook-id': 'mine' }, /^headers\.webhook-id cannot be set$/],
    [{ 'a b': 'c' }, /^headers\["a b"\] must have a name of letters/],
  ] as const)
    assertProblem(await send({ url, headers }), 400, message);
  assertProblem(await send({ url, header: {} }), 400, /did you mean headers/);
  const body = JSON.stringify({ name: 'no admin', permissions: ['*'] });
  const { key } = (await system.request('/v1/keys', { method: 'POST', body })).body;
  assertProblem(await send({ url }, { headers: { authorization: `Bearer ${key}` } }), 403);
});

test('receivers that do not answer hold a few test callbacks, and none whose caller has left', async (t) => {
  const receiver = await startReceiver(t, { answer: () => {} });
  const leaving = new AbortController();
  const waiting = Array.from({ length: 4 }, () => send({ url: receiver.url }, { signal: leaving.signal }));
  for (const one of waiting) one.catch(() => {});
  await receiver.received(4);
  const refused = await send({ url: receiver.url });
  assertProblem(refused, 429, /Too many test callbacks/);
  assert.equal(refused.headers.get('retry-after'), '1');
  const key = JSON.stringify({ name: 'other', tenant: 'other', permissions: ['admin'] });
  const other = (await system.request('/v1/keys', { method: 'POST', body: key })).body;
  const quick = await startReceiver(t);
  const headers = { authorization: `Bearer ${other.key}` };
  assert.equal((await send({ url: quick.url }, { headers })).body.status, 200, 'another tenant has its own');
  leaving.abort();
  await waitFor(async () => (await send({ url: quick.url })).status === 200, { what: 'a free place' });
  assert.equal(receiver.callbacks.length, 4);
});
