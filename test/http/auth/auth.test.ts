/** Which requests are authenticated, and how many are allowed. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

/** Requests per key and minute: more than the admin key needs here. */
const RATE_LIMIT = 40;
const system = await startSystem({ after }, { worker: false, env: { RATE_LIMIT: String(RATE_LIMIT) } });

const JOBS = JSON.stringify({ jobs: [{ namespace: 'test', action: 'echo', params: {} }] });

async function makeKey(permissions: string[]): Promise<string> {
  const { status, body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'auth', permissions }),
  });
  assert.equal(status, 201);
  return body.key;
}

async function send(path: string, authorization?: string, body = JOBS) {
  const response = await fetch(`${system.url}${path}`, {
    method: 'POST',
    headers: authorization === undefined ? {} : { authorization },
    body,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe('requests without a valid key', () => {
  test('a request without a valid key is answered 401, and nothing is stored', async () => {
    const key = await makeKey(['*']);
    const rows = await storedRows(system.pool);
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      ADMIN_KEY,
      key,
      `Basic ${Buffer.from(`admin:${ADMIN_KEY}`).toString('base64')}`,
      `Bearer ${ADMIN_KEY}x`,
      `Bearer ${ADMIN_KEY.slice(0, -1)}`,
      `Bearer ${ADMIN_KEY} ${ADMIN_KEY}`,
      `Bearer ${key.slice(0, -1)}`,
      `Bearer ${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`,
      `Bearer ${key.toUpperCase()}`,
      `Bearer bw_${'0'.repeat(16)}_${'0'.repeat(48)}`,
      `Bearer ${'x'.repeat(10_000)}`,
      'Bearer null',
    ]) {
      const { status, headers, body } = await send('/batch?action=run', authorization);
      assert.equal(status, 401, authorization);
      assert.equal(headers.get('www-authenticate'), 'Bearer');
      assert.deepEqual(body, { errorCode: 401, message: 'Missing or wrong API key' });
    }
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('a missing key is answered 401 on every path, before any other check', async () => {
    for (const path of [
      '/batch',
      '/batch?action=nothing',
      '/api/1.0/batch?action=progress',
      '/api/1.0/test?action=echo',
      '/api/1.0/nobody',
      `/batch?action=run&key=${ADMIN_KEY}`,
    ]) {
      const { status, body } = await send(path, 'Bearer wrong', 'nonsense');
      assert.equal(status, 401, path);
      assert.deepEqual(body, { errorCode: 401, message: 'Missing or wrong API key' });
    }
  });

  test('a missing key is answered with a problem document below /v1', async () => {
    const { status, headers, body } = await send('/v1/keys', 'Bearer wrong');
    assert.equal(status, 401);
    assert.equal(headers.get('content-type')?.split(';')[0], 'application/problem+json');
    assert.deepEqual(body, {
      type: '/docs/errors/unauthorized',
      title: 'Unauthorized',
      status: 401,
      detail: 'Missing or wrong API key',
    });
  });

  test('a client without a key can read its 401 even while it sends a large body', async () => {
    const { status } = await send('/batch?action=run', 'Bearer wrong', ' '.repeat(8 * 1024 * 1024));
    assert.equal(status, 401);
  });

  test('health checks need no key', async () => {
    for (const path of ['/healthz', '/readyz'])
      assert.equal((await fetch(`${system.url}${path}`)).status, 200);
  });
});

test('a valid key is accepted, however Bearer is written', async () => {
  const key = await makeKey(['test.echo']);
  for (const authorization of [`Bearer ${ADMIN_KEY}`, `Bearer ${key}`, `bearer ${key}`, `BEARER  ${key} `])
    assert.equal((await send('/batch?action=run', authorization)).status, 200, authorization);
});

describe('RATE_LIMIT', () => {
  test('the rate limit counts the requests of a key on all paths, and answers 429 with Retry-After above it', async () => {
    const key = await makeKey(['test.echo']);
    const headers = { authorization: `Bearer ${key}` };
    const paths = [
      '/batch?action=progress',
      '/api/1.0/batch?action=results',
      '/v1/callback-secret',
      '/rpc-fixture/x',
    ];
    for (let count = 0; count < RATE_LIMIT; count++) {
      const { status } = await system.request(paths[count % paths.length] as string, { headers });
      assert.notEqual(status, 429);
    }
    const rows = await storedRows(system.pool);
    const refused = await send('/batch?action=run', headers.authorization);
    assert.equal(refused.status, 429);
    assert.deepEqual(refused.body, { errorCode: 429, message: 'Too many requests' });
    const seconds = Number(refused.headers.get('retry-after'));
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
    for (const path of paths) assert.equal((await system.request(path, { headers })).status, 429, path);
    const problem = await system.request('/v1/callback-secret', { headers });
    assert.equal(problem.headers.get('content-type')?.split(';')[0], 'application/problem+json');
    assert.equal(problem.body.status, 429);
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('the rate limit of one key does not affect others, and clients without a key cannot use it up', async () => {
    const key = await makeKey(['test.echo']);
    for (let count = 0; count < RATE_LIMIT + 5; count++)
      assert.equal((await send('/batch?action=run', `Bearer ${key}x`)).status, 401);
    assert.equal((await send('/batch?action=run', `Bearer ${key}`)).status, 200);
  });
});
