import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../support/system.ts';

const system = await startSystem({ after }, { worker: false });
const ID = '0'.repeat(32);

/** The answer to HEAD; it has no body to be parsed. */
const headOf = (path: string) =>
  fetch(`${system.url}${path}`, { method: 'HEAD', headers: { authorization: `Bearer ${ADMIN_KEY}` } });

/** Every address with its allowed methods. */
const ADDRESSES: Record<string, string> = {
  '/v1/batches': 'POST, GET, HEAD',
  [`/v1/batches/${ID}`]: 'GET, HEAD, DELETE',
  [`/v1/batches/${ID}/results`]: 'GET, HEAD',
  [`/v1/batches/${ID}/events`]: 'GET, HEAD',
  [`/v1/batches/${ID}/callbacks`]: 'GET, HEAD',
  [`/v1/batches/${ID}/cancel`]: 'POST',
  [`/v1/batches/${ID}/restart`]: 'POST',
  [`/v1/batches/${ID}/repost/`]: 'POST',
  '/v1/actions': 'GET, HEAD',
  '/v1/actions/test.echo': 'GET, HEAD, PATCH',
  '/v1/limits': 'GET, HEAD',
  '/v1/keys': 'POST, GET, HEAD',
  '/v1/keys/some': 'DELETE',
  '/v1/callback-secret': 'GET, HEAD, POST',
};

for (const [address, allowed] of Object.entries(ADDRESSES))
  test(`${address} answers other methods with 405 and the allowed ones`, async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      if (allowed.split(', ').includes(method)) continue;
      const { status, headers, body } = await system.request(address, { method });
      assert.equal(status, 405, method);
      assert.equal(headers.get('allow'), allowed, method);
      assert.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8');
      assert.deepEqual(body, {
        type: '/docs/errors/method-not-allowed',
        title: 'Method Not Allowed',
        status: 405,
        detail: `${address} allows ${allowed}`,
      });
    }
  });

test('clients without a key do not get the allowed methods', async () => {
  const { status, headers } = await system.request('/v1/batches', {
    method: 'DELETE',
    headers: { authorization: 'Bearer wrong' },
  });
  assert.equal(status, 401);
  assert.equal(headers.get('allow'), null);
});

test('an unknown address is answered 404 for every method', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
    for (const address of ['/v1', '/v1/', '/v1/nothing', `/v1/batches/${ID}/nothing`])
      assert.equal((await system.request(address, { method })).status, 404, `${method} ${address}`);
});

test('outside of /v1 a 405 has the form of the batch API', async () => {
  for (const address of ['/healthz', '/readyz']) {
    const { status, headers, body } = await system.request(address, { method: 'POST' });
    assert.equal(status, 405);
    assert.equal(headers.get('allow'), 'GET, HEAD');
    assert.deepEqual(body, { errorCode: 405, message: `${address} allows GET, HEAD` });
  }
});

describe('methods of the batch API', () => {
  const allowed = (methods: string) => (action: string) => [action, methods] as const;
  const ACTIONS = [
    ...['run', 'validate', 'cancel', 'pause', 'resume', 'restart', 'repost'].map(allowed('POST')),
    ...['progress', 'results'].map(allowed('GET, HEAD, POST')),
  ];
  for (const [action, methods] of ACTIONS)
    test(`${action} answers other methods with 405 and the allowed ones`, async () => {
      for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if (methods.split(', ').includes(method)) continue;
        for (const path of ['/batch', '/api/1.0/batch', '/BATCH/']) {
          const { status, headers } = await fetch(`${system.url}${path}?action=${action}`, {
            method,
            headers: { authorization: `Bearer ${ADMIN_KEY}` },
          });
          assert.deepEqual([status, headers.get('allow')], [405, methods], `${method} ${path}`);
        }
      }
    });

  test('a method that no action has is answered 405 for every action', async () => {
    for (const query of ['', '?action=nothing', '?action=run'])
      for (const method of ['PUT', 'DELETE', 'OPTIONS']) {
        const { status, headers } = await system.request(`/batch${query}`, { method });
        assert.equal(status, 405);
        assert.match(headers.get('allow') ?? '', /POST/);
      }
    const alone = await system.request('/api/1.0/test?action=echo', { method: 'PUT' });
    assert.deepEqual([alone.status, alone.headers.get('allow')], [405, 'POST']);
  });

  test('HEAD of progress and results is answered like GET, without a body', async () => {
    const asyncId = await system.run([7], { options: { skipInvalid: true } });
    for (const [path, status] of [
      [`/batch?action=progress&async=${asyncId}`, 200],
      [`/batch?action=results&async=${asyncId}`, 200],
      [`/batch?action=progress&async=${ID}`, 404],
    ] as const) {
      const [head, get] = [await headOf(path), await system.request(path)];
      assert.deepEqual([head.status, get.status], [status, status]);
      assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
    }
  });
});

test('errors have the form of their address, in upper or lower case', async () => {
  for (const [path, type] of [
    ['/V1/nothing', 'application/problem+json'],
    ['/V1/Batches/0', 'application/problem+json'],
    ['/v1', 'application/problem+json'],
    ['/v1?x=1', 'application/problem+json'],
    ['/v10/nothing', 'application/json'],
    ['/Batch?action=nothing', 'application/json'],
  ] as const) {
    const { headers } = await system.request(path);
    assert.equal(headers.get('content-type')?.split(';')[0], type, path);
  }
});
