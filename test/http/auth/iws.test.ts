/** Requests signed with a key's secret, and the rights of such a key. docs/systems.md: "Signed requests". */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ivvyDate, makeSigningKey, type Signable, send, sendSigned, sign } from '../../support/signed.ts';
import { ADMIN_KEY, type Answer, startSystem } from '../../support/system.ts';

/** Requests per key and minute: more than any key needs here, except in its own test. */
const RATE_LIMIT = 120;
const system = await startSystem(
  { after },
  { env: { SECRET_KEY: 'the secret key of these tests: 32 +', RATE_LIMIT: String(RATE_LIMIT) } },
);
const signer = await makeSigningKey(system);

const RUN = '/api/1.0/batch?action=run';
const JOBS = JSON.stringify({ jobs: [{ namespace: 'test', action: 'echo', params: { n: 1 } }] });

const request = (signable: Signable, key = signer) => sendSigned(system.url, key, signable);
const run = (signable: Partial<Signable> = {}, key = signer) =>
  request({ path: RUN, body: JOBS, ...signable }, key);
const md5 = (body: string | Buffer) => createHash('md5').update(body).digest('hex');

function assertWrongKey({ status, body }: Answer): void {
  assert.equal(status, 401);
  assert.deepEqual(body, { errorCode: 401, message: 'Missing or wrong API key' });
}

describe('signed requests', () => {
  test('a signed request is accepted on every path that needs a key', async () => {
    const { status, body } = await run();
    assert.equal(status, 200, JSON.stringify(body));
    const { asyncId } = body;
    const progress = { path: '/batch?action=progress', body: JSON.stringify({ async: asyncId }) };
    assert.equal((await request(progress)).body.asyncId, asyncId);
    const asked = await request({ method: 'GET', path: `/batch?action=progress&async=${asyncId}` });
    assert.equal(asked.body.asyncId, asyncId);
    const { body: batch } = await request({ method: 'GET', path: `/v1/batches/${asyncId}` });
    assert.equal(batch.asyncId, asyncId);
    assert.equal((await request({ path: `/v1/batches/${asyncId}/cancel` })).status, 202);
    const alone = await request({ path: '/api/1.0/test?action=echo', body: '{"n":2}' });
    assert.deepEqual([alone.status, alone.body], [200, { n: 2 }]);
    const called = await request({ path: '/rpc-fixture/calls/test.echo', body: '{"n":3}' });
    assert.deepEqual([called.status, called.body], [200, { n: 3 }]);
  });

  const date = new Date().toUTCString();
  const variations: Record<string, Partial<Signable>> = {
    'with Date in place of IVVY-Date': { headers: { 'IVVY-Date': undefined, Date: date } },
    'with Date in the format of IVVY-Date': {
      headers: { 'IVVY-Date': undefined, Date: `${ivvyDate()} UTC` },
    },
    'with Date in UTC': { headers: { 'IVVY-Date': undefined, Date: date.replace('GMT', 'UTC') } },
    'with both dates': { headers: { Date: 'Tue, 03 Apr 2012 22:23:24 UTC' } },
    'without X-Api-Version': { headers: { 'X-Api-Version': undefined } },
    'without Content-Type': { headers: { 'Content-Type': undefined } },
    'with any other Content-Type': { headers: { 'Content-Type': 'Text/JSON; charset=UTF-8' } },
    'with further headers of IVVY': { headers: { 'IVVY-Zone-Id': 'A7', IVVY_App: 'CRM', 'ivvy-z': '' } },
    'with Content-MD5 in upper case': { headers: { 'Content-MD5': md5(JOBS).toUpperCase() } },
    'with a percent-encoded query': { path: '/batch?&%61ction=r%75n&' },
    'with a chunked body': { headers: { 'Transfer-Encoding': 'chunked' } },
    '4 minutes late': { headers: { 'IVVY-Date': ivvyDate(-240) } },
    '4 minutes early': { headers: { 'IVVY-Date': ivvyDate(240) } },
  };
  for (const [what, variation] of Object.entries(variations))
    test(`a signed request is accepted ${what}`, async () => {
      const { status, body } = await run(variation);
      assert.equal(status, 200, JSON.stringify(body));
    });

  test('a signature is accepted however the scheme and the signature are written', async () => {
    const headers = sign(signer, { path: RUN, body: JOBS });
    const authorization = String(headers['X-Api-Authorization']);
    const [scheme = '', signature = ''] = authorization.split(`${signer.key}:`);
    for (const written of [
      `iws  ${signer.key}:${signature}`,
      `${scheme}${signer.key}:${signature.toUpperCase()}`,
    ])
      assert.equal(
        (await send(system.url, { path: RUN, body: JOBS }, { ...headers, 'X-Api-Authorization': written }))
          .status,
        200,
        written,
      );
  });

  test('a signed request without a body is accepted, with or without the MD5 of an empty body', async () => {
    for (const headers of [{}, { 'Content-MD5': md5('') }])
      for (const method of ['GET', 'POST']) {
        const { status, body } = await request({ method, path: '/batch?action=progress', headers });
        assert.equal(body.specificCode, 24105, JSON.stringify(body));
        assert.equal(status, 404);
      }
  });

  test('a signed request is accepted again within its 5 minutes', async () => {
    const headers = sign(signer, { path: RUN, body: JOBS });
    for (let count = 0; count < 2; count++)
      assert.equal((await send(system.url, { path: RUN, body: JOBS }, headers)).status, 200);
  });
});

describe('signed bodies', () => {
  test('a signed body may be compressed: its MD5 is that of the bytes sent', async () => {
    const body = gzipSync(JOBS);
    const headers = { 'Content-Encoding': 'gzip' };
    assert.equal((await run({ body, headers })).status, 200);
  });

  test('a signed body may be lines, and large', async () => {
    const body = `${JSON.stringify({ namespace: 'test', action: 'echo', params: {} })}\n`.repeat(2500);
    const headers = { 'Content-Type': 'application/x-ndjson' };
    const answer = await request({ path: '/v1/batches', body, headers });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(answer.body.counts.total, 2500);
  });

  test('a plugin can read a signed body of any size', async () => {
    const jobs = Array.from({ length: 4000 }, (_, n) => ({
      namespace: 'test',
      action: 'echo',
      params: { n },
    }));
    const path = '/rpc-fixture/batches';
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
      const { status, body } = await request({ path, body: JSON.stringify({ jobs }), headers });
      assert.equal(status, 202, JSON.stringify(body));
      const { body: progress } = await request({
        method: 'GET',
        path: `/batch?action=progress&async=${body.asyncId}`,
      });
      assert.equal(progress.counts.total, 4000);
    }
  });
});

describe('signing keys', () => {
  test('a key signs only when it was created for signing, is complete, and has not ended', async () => {
    const plain = await makeSigningKey(system, { signing: null });
    const secretOf = (key: string) => key.split('_').at(-1) as string;
    for (const key of [
      { ...plain, secret: secretOf(plain.key) },
      { ...signer, key: ADMIN_KEY },
      { ...signer, key: signer.id },
      { ...signer, key: `${signer.key.slice(0, -1)}${signer.key.endsWith('0') ? '1' : '0'}` },
      { ...signer, key: `bw_${'0'.repeat(16)}_${'0'.repeat(48)}` },
    ])
      assertWrongKey(await run({}, key));

    const revoked = await makeSigningKey(system);
    assert.equal((await run({}, revoked)).status, 200);
    assert.equal((await system.request(`/v1/keys/${revoked.id}`, { method: 'DELETE' })).status, 204);
    assertWrongKey(await run({}, revoked));
  });

  test('a signed request has the tenant and the permissions of its key', async () => {
    const theirs = await makeSigningKey(system, { tenant: 'acme', permissions: ['test.echo'] });
    const { asyncId } = (await run()).body;
    const progress = { path: '/batch?action=progress', body: JSON.stringify({ async: asyncId }) };
    const found = await request(progress, theirs);
    assert.deepEqual([found.status, found.body.specificCode], [404, 24105]);
    const body = JOBS.replace('echo', 'behave');
    assert.equal((await run({ body }, theirs)).status, 403);
    const own = (await run({}, theirs)).body.asyncId;
    assert.equal((await system.rpc('progress', { async: own })).status, 404, 'to the default tenant');
  });

  test('a signing key may also be sent as Bearer, but not beside a wrong signature', async () => {
    const authorization = `Bearer ${signer.key}`;
    assert.equal((await system.rpc('run', JOBS, { authorization })).status, 200);
    assert.equal((await run({ headers: { authorization } }, { ...signer, secret: 'x' })).status, 401);
  });

  test('a signing key has the usual rate limit', async () => {
    const key = await makeSigningKey(system);
    const path = '/batch?action=progress';
    for (let count = 0; count < RATE_LIMIT; count++) {
      const { status } = await (count % 2
        ? request({ path }, key)
        : system.request(path, { headers: { authorization: `Bearer ${key.key}` } }));
      assert.equal(status, 404);
    }
    const { status, headers } = await request({ path }, key);
    assert.equal(status, 429);
    assert.ok(Number(headers.get('retry-after')) > 0);
  });
});
