/** Callbacks in the form of a plugin, with the fixture `rpc`, whose callback.ts has one line for each result. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { type ReceivedCallback, startReceiver } from '../../pipeline/deliver/deliver-receiver.ts';
import { attemptsLogged, callbackSecret } from '../../pipeline/deliver/deliver-support.ts';
import { startSystem } from '../../support/system.ts';

const SECRET_KEY = 'a key for the secrets of this test';
const system = await startSystem({ after }, { env: { SECRET_KEY } });
const secret = await callbackSecret(system);
const echo = (n: number, more: object = {}) => ({
  namespace: 'test',
  action: 'echo',
  params: { n, ...more },
});
const submit = (batch: object) =>
  system.request('/rpc-fixture/batches', { method: 'POST', body: JSON.stringify(batch) });

// A body of more than a mebibyte is not kept.
for (const [what, count, text] of [
  ['a small batch', 3, ''],
  ['a batch whose body is read twice', 2500, 'x'.repeat(500)],
] as const)
  test(`the callback of ${what} has the form of its plugin, its headers, and a signature of these bytes`, async (t) => {
    const receiver = await startReceiver(t);
    const jobs = Array.from({ length: count }, (_, n) => echo(n, { text }));
    const { status, body } = await submit({
      jobs,
      callbackUrl: receiver.url,
      callbackHeaders: { 'X-Their-Secret': 'geheim' },
    });
    assert.equal(status, 202);
    const [call] = (await receiver.received(1)) as [ReceivedCallback];
    const [head, ...lines] = call.body.split('\n');
    assert.deepEqual(JSON.parse(head ?? ''), {
      batch: body.asyncId,
      state: 'completed',
      failed: 0,
      read: count,
    });
    assert.equal(lines.length, count);
    assert.equal(lines.at(-1), `${count - 1} ${JSON.stringify({ n: count - 1, text })}`);
    assert.equal(call.headers['x-their-secret'], 'geheim');
    // It throws for a wrong signature, and afterwards reads the whole body as JSON, which this is not.
    assert.throws(() => new Webhook(secret).verify(call.body, call.headers), SyntaxError);
  });

test('the headers of a callback are not readable in the database', async () => {
  const { rows } = await system.pool.query('select callback_headers as h from batchwright.batch');
  assert.ok(rows.length > 0);
  for (const { h } of rows) assert.ok(h.length > 0 && !h.toString('latin1').includes('geheim'));
});

test('a batch that was not submitted by the plugin has the usual callback', async (t) => {
  const receiver = await startReceiver(t);
  await system.run([echo(1)], { callbackUrl: receiver.url });
  const [call] = await receiver.received(1);
  assert.equal(JSON.parse(call?.body ?? '').results.length, 1);
});

test('a plugin whose callback.ts fails has a failed attempt that says so', async (t) => {
  const receiver = await startReceiver(t);
  const { body } = await submit({ jobs: [echo(1), echo(-1)], callbackUrl: receiver.url });
  const [attempt] = await attemptsLogged(system, body.asyncId, 1);
  assert.deepEqual(
    [attempt?.status, attempt?.error],
    [null, 'the plugin rpc cannot make the body: Error: not this number'],
  );
  assert.equal(receiver.connections, 0);
});
