/** Clients that guess keys are blocked by address; clients with a valid key are not. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Request } from 'express';
import { createFailedAuthentication } from '../../../src/http/auth/failed-authentication.ts';
import { makeSigningKey, sign } from '../../support/signed.ts';
import { ADMIN_KEY, type Answer, type System, startSystem } from '../../support/system.ts';

/** A client at its own address, behind a trusted proxy. */
function client(system: System, address: string) {
  return (path: string, headers: Record<string, string> = {}, method = 'POST'): Promise<Answer> =>
    system.request(path, {
      method,
      headers: { authorization: '', 'x-forwarded-for': address, ...headers },
      ...(method === 'GET' ? {} : { body: '{}' }),
    });
}

const system = await startSystem(
  { after },
  {
    worker: false,
    env: { TRUST_PROXY: '127.0.0.1', SECRET_KEY: 'the secret key of these tests: 32 +', RATE_LIMIT: '0' },
  },
);
const signer = await makeSigningKey(system, { permissions: ['*'] });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const signed = (key = signer) => sign(key, { path: '/batch?action=progress', body: '{}' });

/** How many of the requests were answered 401; the rest was answered 429. */
async function refusals(count: number, ask: (n: number) => Promise<Answer>): Promise<number> {
  let unauthorized = 0;
  for (let n = 0; n < count; n++) {
    const { status, headers, body } = await ask(n);
    if (status === 401) {
      unauthorized++;
      continue;
    }
    assert.equal(status, 429, JSON.stringify(body));
    const seconds = Number(headers.get('retry-after'));
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
  }
  return unauthorized;
}

const PROGRESS = '/batch?action=progress';
const FAILING: Record<string, (ask: ReturnType<typeof client>, n: number) => Promise<Answer>> = {
  'unknown keys': (ask, n) => ask(PROGRESS, bearer(`bw_${String(n).padStart(16, '0')}_${'0'.repeat(48)}`)),
  'guesses of the admin key': (ask, n) => ask('/v1/keys', bearer(`${ADMIN_KEY}${n}`), 'GET'),
  'no key at all': (ask) => ask('/api/1.0/test?action=echo'),
  'signatures of unknown keys': (ask, n) =>
    ask(PROGRESS, signed({ ...signer, key: `bw_${String(n).padStart(16, '0')}_${'0'.repeat(48)}` })),
  'signatures with another secret': (ask, n) => ask(PROGRESS, signed({ ...signer, secret: String(n) })),
  'requests that a plugin refuses': (ask, n) => ask(`/event/${n}`, {}, 'GET'),
};
let address = 0;
for (const [what, fail] of Object.entries(FAILING))
  test(`an address that sends ${what} is answered 429 after 100 of them, and another address is not`, async () => {
    const ask = client(system, `192.0.2.${++address}`);
    assert.equal(await refusals(130, (n) => fail(ask, n)), 100);
    const other = client(system, `198.51.100.${address}`);
    assert.equal((await fail(other, 0)).status, 401);
    // For valid keys too: no key is looked up for this address any more.
    assert.equal((await ask(PROGRESS, bearer(signer.key))).status, 429);
  });

test('a key that has worked from an address is accepted there, even if other clients fail', async () => {
  const ask = client(system, '203.0.113.1');
  const own = await makeSigningKey(system);
  for (const headers of [bearer(ADMIN_KEY), bearer(own.key), signed()])
    assert.equal((await ask(PROGRESS, headers)).status, 404);
  assert.equal(await refusals(120, (n) => ask(PROGRESS, bearer(`wrong ${n}`))), 100);
  for (const headers of [bearer(ADMIN_KEY), bearer(own.key), signed()])
    assert.equal((await ask(PROGRESS, headers)).status, 404);
  // Known here, but no longer valid.
  await system.request(`/v1/keys/${own.id}`, { method: 'DELETE' });
  assert.equal((await ask(PROGRESS, bearer(own.key))).status, 401);
});

test('an IPv6 network counts as one address', async () => {
  const ask = (n: number) => client(system, `2001:db8:1:1::${n}`)(PROGRESS, bearer('wrong'));
  assert.equal(await refusals(110, ask), 100);
  assert.equal((await client(system, '2001:db8:2::1')(PROGRESS, bearer('wrong'))).status, 401);
});

test('the number of remembered addresses is limited', () => {
  const failed = createFailedAuthentication();
  const requestFrom = (ip: string) => ({ ip, headers: {}, baseUrl: '' }) as unknown as Request;
  for (let count = 0; count < 100; count++) failed.noteFailure(requestFrom('192.0.2.1'));
  assert.throws(() => failed.check(requestFrom('192.0.2.1')), { kind: 'tooManyRequests' });
  for (let n = 0; n < 10_000; n++) failed.noteFailure(requestFrom(`10.${n >> 8}.${n & 255}.1`));
  failed.check(requestFrom('192.0.2.1'));
});
