/** No cache stores the data of a tenant. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../support/system.ts';

const system = await startSystem({ after });
const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
await system.ended(asyncId);

const key = { authorization: `Bearer ${ADMIN_KEY}` };
const requests: [path: string, init?: RequestInit][] = [
  ['/v1/callback-secret'],
  ['/v1/keys'],
  ['/v1/keys', { method: 'POST', body: JSON.stringify({ name: 'a', permissions: ['test.echo'] }) }],
  ['/v1/keys', { method: 'POST', body: '{}' }],
  ['/v1/keys', { headers: { authorization: 'Bearer wrong' } }],
  ['/v1/batches'],
  [`/v1/batches/${asyncId}`],
  [`/v1/batches/${asyncId}`, { method: 'HEAD' }],
  [`/v1/batches/${'0'.repeat(32)}`],
  [`/v1/batches/${asyncId}`, { method: 'PUT' }],
  [`/v1/batches/${asyncId}/events`],
  [`/v1/batches/${asyncId}/callbacks`],
  [`/v1/batches/${asyncId}/results`],
  [`/v1/batches/${asyncId}/results`, { headers: { ...key, accept: 'text/csv' } }],
  [`/v1/batches/${asyncId}/results`, { headers: { ...key, accept: 'application/x-ndjson' } }],
  [`/v1/batches/${asyncId}/results`, { headers: { ...key, accept: 'text/csv' }, method: 'HEAD' }],
  [`/batch?action=results&async=${asyncId}`],
  [`/batch?action=progress&async=${asyncId}`],
  ['/batch?action=run', { method: 'POST', body: '{' }],
  ['/api/1.0/test?action=echo', { method: 'POST', body: '{}' }],
  [`/rpc-fixture/batches/${asyncId}`],
  ['/rpc-fixture/broken'],
  ['/event/invitations/default/x/yes'],
  ['/nothing'],
];
for (const [path, init = {}] of requests)
  test(`${init.method ?? 'GET'} ${path} ${JSON.stringify(init.headers ?? '')} must not be stored`, async () => {
    const response = await fetch(`${system.url}${path}`, { headers: key, ...init });
    await response.text();
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });

test('results, whose form depends on Accept, have Vary in every form, in errors and for HEAD', async () => {
  for (const accept of ['application/json', 'text/csv', 'application/x-ndjson', '*/*'])
    for (const method of ['GET', 'HEAD'])
      for (const id of [asyncId, '0'.repeat(32)]) {
        const response = await fetch(`${system.url}/v1/batches/${id}/results`, {
          method,
          headers: { ...key, accept },
        });
        await response.text();
        assert.match(response.headers.get('vary') ?? '', /(^|, )accept($|,)/i, `${method} ${accept}`);
      }
});
