/** Tokens and permissions of Tracx Connect. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { assertRefused, connectTo, DOCUMENTED } from './connect.ts';

const system = await startSystem({ after });
const connect = connectTo(system);
const event = await connect.addEvent();
const participant = { ...DOCUMENTED, race_id: event.races[0] };
const ALL = [
  'events.list',
  'races.list',
  'participants.list',
  'participants.store',
  'participants.store-multiple',
];

/** A request of each route, with the permission that it needs. */
const REQUESTS = [
  ['events.list', 'GET', '/events', undefined],
  ['races.list', 'GET', '/races', undefined],
  ['participants.list', 'GET', `/events/${event.id}/participants`, undefined],
  ['participants.store', 'POST', '/participant', participant],
  ['participants.store-multiple', 'POST', `/events/${event.id}/participants`, [participant]],
] as const;

/** The key that signs session tokens. */
async function secret(): Promise<Uint8Array> {
  const { rows } = await system.pool.query('select secret from tracx.session_secret');
  return new TextEncoder().encode(rows[0].secret);
}

describe('a session token', () => {
  test('a connect token is exchanged for a session token, bare or after Bearer, with and without a body', async () => {
    const { id, key } = await connect.connectToken(['participants.store-multiple', 'events.list']);
    const before = Math.floor(Date.now() / 1000);
    for (const [token, body] of [
      [key, undefined],
      [`Bearer ${key}`, ''],
      [`bearer  ${key}`, '{}'],
      [key, 'anything'],
    ] as const) {
      const answer = await connect.post('/session-token', token, body);
      assert.equal(answer.status, 200);
      assert.deepEqual(Object.keys(answer.body), ['data']);
      assert.deepEqual(Object.keys(answer.body.data), ['token', 'expires_at']);
      const { sub, tenant, permissions, exp, iat = 0 } = decodeJwt(answer.body.data.token);
      assert.deepEqual(
        { sub, tenant, permissions },
        { sub: id, tenant: 'default', permissions: ['events.list', 'participants.store-multiple'] },
      );
      assert.equal(answer.body.data.expires_at, exp);
      assert.equal(exp, iat + 3600);
      assert.ok(iat >= before && iat <= Date.now() / 1000);
    }
  });

  test('every route takes a session token and a connect token, bare or after Bearer', async () => {
    const { key } = await connect.connectToken(ALL);
    const session = (await connect.post('/session-token', key)).body.data.token;
    for (const token of [key, `Bearer ${key}`, session, `Bearer ${session}`])
      for (const [, method, path, body] of REQUESTS)
        assert.equal((await connect.ask(method, path, { token, body })).status, 200, `${method} ${path}`);
  });

  test('the admin key is a connect token with every permission', async () => {
    const session = (await connect.post('/session-token', ADMIN_KEY)).body.data.token;
    assert.deepEqual(decodeJwt(session).permissions, ALL);
    assert.equal((await connect.get('/events', session)).status, 200);
  });

  test('a session token does not make another session token', async () => {
    const answer = await connect.post('/session-token', await connect.sessionToken(['events.list']));
    assertRefused(answer, 401, 'A session token is made with a connect token');
  });

  test('a request without a token, or with an unknown one, is refused', async () => {
    const { key } = await connect.connectToken(ALL);
    for (const token of [undefined, '', 'Bearer', 'Bearer ', 'nobody', `${key}x`, 'a.b.c', 'é'.repeat(3)])
      for (const [method, path] of [
        ['POST', '/session-token'],
        ['GET', '/nothing'],
      ] as const) {
        const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
        assertRefused(await connect.ask(method, path, { headers }), 401, /token/);
      }
  });

  test('a session token that was not signed here, or was changed since, is refused', async () => {
    const { id } = await connect.connectToken(['events.list']);
    const jwt = (alg = 'HS256') =>
      new SignJWT({ tenant: 'default', permissions: ['events.list'] })
        .setProtectedHeader({ alg })
        .setSubject(id)
        .setIssuer('batchwright')
        .setAudience('connect')
        .setIssuedAt()
        .setExpirationTime('1h');
    const key = await secret();
    const good = await jwt().sign(key);
    assert.equal((await connect.get('/events', good)).status, 200);

    const [header = '', payload = '', signature = ''] = good.split('.');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = decodeJwt(good);
    const { exp: _, ...endless } = claims;
    const forged = {
      'another secret': await jwt().sign(new TextEncoder().encode('another secret of thirty-two bytes')),
      'no signature': `${part({ alg: 'none' })}.${payload}.`,
      'alg none with a signature': `${part({ alg: 'none' })}.${payload}.${signature}`,
      'another tenant': `${header}.${part({ ...claims, tenant: 'acme' })}.${signature}`,
      'more permissions': `${header}.${part({ ...claims, permissions: ALL })}.${signature}`,
      'a later end': `${header}.${part({ ...claims, exp: 9_999_999_999 })}.${signature}`,
      'another issuer': await jwt().setIssuer('somebody').sign(key),
      'another audience': await jwt().setAudience('somebody').sign(key),
      'no end': await new SignJWT(endless).setProtectedHeader({ alg: 'HS256' }).sign(key),
      'another algorithm': await jwt('HS512').sign(key),
      'half of it': good.slice(0, -10),
    };
    for (const [what, token] of Object.entries(forged)) {
      const answer = await connect.get('/events', token);
      assert.equal(answer.status, 401, what);
      assertRefused(answer, 401, 'The token is not valid');
    }

    const past = Math.floor(Date.now() / 1000) - 1;
    const expired = await jwt().setExpirationTime(past).sign(key);
    assertRefused(await connect.get('/events', expired), 401, 'The session token has expired');
  });

  test('a revoked connect token is refused, and so are its session tokens', async () => {
    const { id, key } = await connect.connectToken(['events.list']);
    const session = (await connect.post('/session-token', key)).body.data.token;
    assert.equal((await connect.get('/events', session)).status, 200);
    assert.equal((await system.request(`/v1/keys/${id}`, { method: 'DELETE' })).status, 204);
    const refusal = await waitFor(
      async () => {
        const answer = await connect.get('/events', session);
        return answer.status !== 200 && answer;
      },
      { what: 'the session token to be refused', timeoutMs: 6000 },
    );
    assertRefused(refusal, 401, 'The connect token of this session token was revoked or has expired');
    assertRefused(await connect.get('/events', key), 401, 'The token is not valid');
    assertRefused(await connect.post('/session-token', key), 401, 'The token is not valid');
  });

  test('a token sees and changes only what belongs to its tenant', async () => {
    const session = await connect.sessionToken(ALL, { tenant: 'acme' });
    assert.equal(decodeJwt(session).tenant, 'acme');
    assert.deepEqual((await connect.get('/events', session)).body, { data: { items: [] } });
    assert.deepEqual((await connect.get('/races', session)).body, { data: { items: [] } });
    const path = `/events/${event.id}/participants`;
    assertRefused(await connect.get(path, session), 404, `There is no event ${event.id}`);
    assertRefused(await connect.post(path, session, [participant]), 404, `There is no event ${event.id}`);
    const stored = await connect.post('/participant', session, participant);
    assertRefused(stored, 422, 'One or more fields are invalid');
    assert.equal(stored.body.data.errors[0].field, 'race_id');
  });
});

describe('permissions', () => {
  for (const [permission, method, path, body] of REQUESTS)
    test(`${method} ${path} needs ${permission}, which a key may have in every form`, async () => {
      const [namespace = ''] = permission.split('.');
      const ours = permission.replace('store-multiple', 'storeMultiple');
      for (const name of [permission, `permissions.${permission}`, ours, `${namespace}.*`, '*']) {
        const { key } = await connect.connectToken([name]);
        const session = (await connect.post('/session-token', key)).body.data.token;
        for (const token of [key, session])
          assert.equal((await connect.ask(method, path, { token, body })).status, 200, name);
      }
      const others = [...ALL.filter((name) => name !== permission), 'event.*', 'contact.*'];
      const { key } = await connect.connectToken(others);
      const session = (await connect.post('/session-token', key)).body.data.token;
      for (const token of [key, session]) {
        const answer = await connect.ask(method, path, { token, body });
        assertRefused(answer, 403, `The token lacks the permission ${permission}`);
      }
    });

  test('a key that is made with a name of Tracx has our permission, and runs the action with it', async () => {
    for (const name of ['participants.store-multiple', 'permissions.participants.store-multiple']) {
      const { id, key } = await connect.connectToken([name]);
      const { body } = await system.request('/v1/keys');
      const stored = body.data.find((row: { id: string }) => row.id === id);
      assert.deepEqual(stored.permissions, ['participants.storeMultiple']);
      const params = { event_id: event.id, participants: [participant] };
      const jobs = [{ namespace: 'participants', action: 'storeMultiple', params }];
      const run = await system.rpc('run', { jobs }, { authorization: `Bearer ${key}` });
      assert.equal(run.status, 200);
    }
  });

  test('events.list and races.list allow nothing beside the lists of Tracx Connect', async () => {
    const { key } = await connect.connectToken(['events.list', 'races.list']);
    for (const action of ['getEventList', 'getRaceList']) {
      const headers = { authorization: `Bearer ${key}` };
      const path = `/api/1.0/event?action=${action}`;
      assert.equal((await system.request(path, { method: 'POST', headers })).status, 403, action);
    }
  });
});
