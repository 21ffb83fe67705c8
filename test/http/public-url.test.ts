/** Behind a proxy: answers contain the address that callers reach, and TLS is the proxy's task. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../support/system.ts';
import { postBatch, postLines, toLines } from './v1/support.ts';

const good = { namespace: 'test', action: 'echo', params: {} };
const HSTS = 'strict-transport-security';

describe('with a PUBLIC_URL that has a path', async () => {
  const system = await startSystem(
    { after },
    { worker: false, env: { PUBLIC_URL: 'https://api.example.com/jobs/' } },
  );

  test('Location leads through the proxy', async () => {
    const json = await postBatch(system, { jobs: [good] });
    const lines = await postLines(system, toLines([good]));
    for (const { headers, body } of [json, lines])
      assert.equal(headers.get('location'), `https://api.example.com/jobs/v1/batches/${body.asyncId}`);
    const key = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'a', permissions: ['*'] }),
    });
    assert.equal(key.headers.get('location'), `https://api.example.com/jobs/v1/keys/${key.body.id}`);
  });

  test('browsers must use TLS, for this host alone', async () => {
    for (const path of ['/healthz', '/v1/batches', '/nothing']) {
      const { headers } = await system.request(path);
      assert.equal(headers.get(HSTS), 'max-age=31536000');
      assert.match(headers.get('content-security-policy') ?? '', /upgrade-insecure-requests/);
    }
  });
});

describe('without a PUBLIC_URL of https', async () => {
  const system = await startSystem({ after }, { worker: false });
  const plain = await startSystem(
    { after },
    { worker: false, env: { PUBLIC_URL: 'http://jobs.internal:8080' } },
  );

  test('Location is the address of the request, or that of PUBLIC_URL', async () => {
    const here = await postBatch(system, { jobs: [good] });
    assert.equal(here.headers.get('location'), `/v1/batches/${here.body.asyncId}`);
    const there = await postBatch(plain, { jobs: [good] });
    assert.equal(there.headers.get('location'), `http://jobs.internal:8080/v1/batches/${there.body.asyncId}`);
  });

  test('no header requires TLS, and the other headers stay', async () => {
    for (const { request } of [system, plain])
      for (const path of ['/healthz', '/v1/batches', '/nothing']) {
        const { headers } = await request(path);
        assert.equal(headers.get(HSTS), null);
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        const policy = headers.get('content-security-policy') ?? '';
        assert.match(policy, /default-src 'self'/);
        assert.doesNotMatch(policy, /upgrade-insecure-requests/);
      }
  });
});
