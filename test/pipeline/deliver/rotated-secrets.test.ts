/** Callback secrets that are replaced. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTenants } from '../../../src/access/tenants.ts';
import { Batchwright, unwrapCallback } from '../../../src/client/index.ts';
import { newCallbackSecret } from '../../../src/outbound/signature.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { type ReceivedCallback, startReceiver, verified } from './deliver-receiver.ts';
import { attemptsLogged, callbackTo } from './deliver-support.ts';

const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '3600' } });
await system.addWorker();

const echo = { namespace: 'test', action: 'echo', params: {} };
const HOUR_MS = 3_600_000;

/** The client of a new key of a tenant. */
async function clientOf(tenant: string, permissions = ['*', 'admin']): Promise<Batchwright> {
  const body = JSON.stringify({ name: 'rotates', tenant, permissions });
  const made = await system.request('/v1/keys', { method: 'POST', body });
  return new Batchwright({ url: system.url, key: made.body.key });
}

const rotate = (key = ADMIN_KEY): Promise<Json> =>
  system.request('/v1/callback-secret', { method: 'POST', headers: { authorization: `Bearer ${key}` } });

const signaturesOf = ({ headers }: ReceivedCallback) => headers['webhook-signature']?.split(' ') ?? [];

test('a callback in its retries is signed by the new secret and by the old one', async (t) => {
  const receiver = await startReceiver(t, {
    answer: (response, number) => response.writeHead(number === 1 ? 500 : 200).end(),
  });
  const client = new Batchwright({ url: system.url, key: ADMIN_KEY });
  const old = await client.callbackSecret();
  const asyncId = await system.run([echo], { callbackUrl: receiver.url });
  await attemptsLogged(system, asyncId, 1);
  assert.equal(signaturesOf(receiver.callbacks[0] as ReceivedCallback).length, 1);

  const rotated = await client.rotateCallbackSecret();
  assert.match(rotated.secret, /^whsec_/);
  assert.notEqual(rotated.secret, old);
  assert.deepEqual(
    rotated.previous.map(({ secret }) => secret),
    [old],
  );
  const endsAt = Date.parse(rotated.previous[0]?.endsAt ?? '');
  assert.ok(Math.abs(endsAt - Date.now() - 24 * HOUR_MS) < HOUR_MS / 10, String(endsAt));
  assert.deepEqual(await client.callbackSecrets(), rotated);
  assert.equal(await client.callbackSecret(), rotated.secret);

  // Within 5 s every worker signs with it.
  await waitFor(
    async () => {
      const { length } = receiver.callbacks;
      await callbackTo(system, asyncId, receiver.url);
      const last = (await receiver.received(length + 1)).at(-1) as ReceivedCallback;
      return signaturesOf(last).length === 2;
    },
    { what: 'a callback with two signatures', timeoutMs: 5000 },
  );
  const last = receiver.callbacks.at(-1) as ReceivedCallback;
  const [first = ''] = signaturesOf(last);
  verified(old, last);
  verified(rotated.secret, { ...last, headers: { ...last.headers, 'webhook-signature': first } });
  assert.equal((await unwrapCallback(last.body, last.headers, rotated.secret)).asyncId, asyncId);
  assert.equal((await unwrapCallback(last.body, last.headers, [newCallbackSecret(), old])).asyncId, asyncId);

  const { body } = await system.request('/v1/audit');
  const entry = body.data.find(({ event }: Json) => event === 'callbackSecret.rotated');
  assert.deepEqual([entry.target, entry.actor.keyId], ['default', 'admin']);
});

test('of many secrets the four youngest old ones sign, each until its end', async () => {
  const client = await clientOf('acme');
  const secrets = [await client.callbackSecret()];
  for (let time = 0; time < 6; time++) secrets.unshift((await client.rotateCallbackSecret()).secret);
  const { secret, previous } = await client.callbackSecrets();
  assert.deepEqual([secret, ...previous.map((old) => old.secret)], secrets.slice(0, 5));
  assert.equal(new Set(secrets).size, 7);

  await system.pool.query(
    `update batchwright.replaced_callback_secret set ends_at = now() - interval '1 s' where secret = $1`,
    [secrets[2]],
  );
  const left = await client.callbackSecrets();
  assert.deepEqual(
    left.previous.map((old) => old.secret),
    [secrets[1], secrets[3], secrets[4]],
  );
  const both = await Promise.all([client.rotateCallbackSecret(), client.rotateCallbackSecret()]);
  const { secret: now, previous: before } = await client.callbackSecrets();
  const made = both.map((answer) => answer.secret);
  assert.ok(made.includes(now) && made.includes(before[0]?.secret ?? ''), 'two at once follow one another');
  assert.equal(before[1]?.secret, secret);
});

test('only an administrator of the tenant makes a new secret, and the others keep theirs', async () => {
  const other = await clientOf('initech');
  const before = await other.callbackSecrets();
  const plain = await clientOf('globex', ['*']);
  await assert.rejects(plain.rotateCallbackSecret(), { name: 'PermissionError' });
  assert.deepEqual((await plain.callbackSecrets()).previous, []);
  await (await clientOf('globex')).rotateCallbackSecret();
  assert.equal((await plain.callbackSecrets()).previous.length, 1);
  assert.deepEqual(await other.callbackSecrets(), before);
  const wrong = await system.request('/v1/callback-secret', { method: 'POST', body: '{"secret":"x"}' });
  assert.equal(wrong.status, 400);
});

test('secrets in CALLBACK_SECRET sign together and are not replaced by a request', async () => {
  const { pool } = system;
  const given = [newCallbackSecret(), newCallbackSecret()];
  const tenants = createTenants({ pool, callbackSecrets: given });
  assert.deepEqual(await tenants.signingSecrets('default'), given);
  const shown = await tenants.callbackSecrets('default');
  assert.deepEqual(shown, { secret: given[0], previous: [{ secret: given[1], endsAt: null }] });
  const operator = { tenant: 'default', keyId: 'admin', permissions: ['admin'] };
  await assert.rejects(tenants.rotateCallbackSecret(operator), { message: /CALLBACK_SECRET/ });
  const tenant = { ...operator, tenant: 'umbrella' };
  const rotated = await tenants.rotateCallbackSecret(tenant);
  assert.equal(rotated.previous.length, 1);
  assert.deepEqual(await tenants.signingSecrets('umbrella'), [
    rotated.secret,
    ...rotated.previous.map(({ secret }) => secret),
  ]);
  assert.equal((await rotate()).status, 201, 'a process without CALLBACK_SECRET');
});
