import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../support/system.ts';

const system = await startSystem({ after }, { worker: false });
const ID = '0'.repeat(32);

/** Every address with the methods that it has. */
const ADDRESSES: Record<string, string> = {
  '/v1/batches': 'POST, GET, HEAD',
  [`/v1/batches/${ID}`]: 'GET, HEAD',
  [`/v1/batches/${ID}/results`]: 'GET, HEAD',
  [`/v1/batches/${ID}/events`]: 'GET, HEAD',
  [`/v1/batches/${ID}/callbacks`]: 'GET, HEAD',
  [`/v1/batches/${ID}/cancel`]: 'POST',
  [`/v1/batches/${ID}/restart`]: 'POST',
  [`/v1/batches/${ID}/repost/`]: 'POST',
  '/v1/actions': 'GET, HEAD',
  '/v1/actions/test.echo': 'GET, HEAD',
  '/v1/keys': 'POST, GET, HEAD',
  '/v1/keys/some': 'DELETE',
  '/v1/callback-secret': 'GET, HEAD',
};

for (const [address, allowed] of Object.entries(ADDRESSES))
  test(`${address} answers other methods with 405 and those it has`, async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      if (allowed.split(', ').includes(method)) continue;
      const { status, headers, body } = await system.request(address, { method });
      assert.equal(status, 405, method);
      assert.equal(headers.get('allow'), allowed, method);
      assert.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8');
      assert.deepEqual(body, {
        type: 'about:blank',
        title: 'Method Not Allowed',
        status: 405,
        detail: `${address} is asked with ${allowed}`,
      });
    }
  });

test('whoever has no key is told no methods', async () => {
  const { status, headers } = await system.request('/v1/batches', {
    method: 'DELETE',
    headers: { authorization: 'Bearer wrong' },
  });
  assert.equal(status, 401);
  assert.equal(headers.get('allow'), null);
});

test('an address where there is nothing stays 404 for every method', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
    for (const address of ['/v1', '/v1/', '/v1/nothing', `/v1/batches/${ID}/nothing`])
      assert.equal((await system.request(address, { method })).status, 404, `${method} ${address}`);
});

test('outside of /v1 the answer has the shape of the batch API', async () => {
  for (const address of ['/healthz', '/readyz']) {
    const { status, headers, body } = await system.request(address, { method: 'POST' });
    assert.equal(status, 405);
    assert.equal(headers.get('allow'), 'GET, HEAD');
    assert.deepEqual(body, { errorCode: 405, message: `${address} is asked with GET, HEAD` });
  }
});
