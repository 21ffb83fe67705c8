/** Requests that are signed with a key's secret, and what such a key may do. docs/systems.md: "Signed requests". */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ivvyDate, makeSigningKey, type Signable, send, sendSigned, sign } from '../../support/signed.ts';
import { ADMIN_KEY, type Answer, startSystem } from '../../support/system.ts';

/** Requests a minute and key: more than any key but that of its test needs. */
const RATE_LIMIT = 120;
const system = await startSystem(
  { after },
  { env: { SECRET_KEY: 'the secret key of these tests, 32 +', RATE_LIMIT: String(RATE_LIMIT) } },
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

describe('A signed request is let in', () => {
  test('wherever keys are asked for, as its key', async () => {
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
    'with Date in UTC': { headers: { 'IVVY-Date': undefined, Date: date.replace('GMT', 'UTC') } },
    'with both dates': { headers: { Date: 'Tue, 03 Apr 2012 22:23:24 UTC' } },
    'without X-Api-Version': { headers: { 'X-Api-Version': undefined } },
    'without Content-Type': { headers: { 'Content-Type': undefined } },
    'with any other Content-Type': { headers: { 'Content-Type': 'Text/JSON; charset=UTF-8' } },
    'with further headers of IVVY': { headers: { 'IVVY-Zone-Id': 'A7', IVVY_App: 'CRM', 'ivvy-z': '' } },
    'with Content-MD5 in upper case': { headers: { 'Content-MD5': md5(JOBS).toUpperCase() } },
    'with a query in other characters': { path: '/batch?&%61ction=r%75n&' },
    'in chunks': { headers: { 'Transfer-Encoding': 'chunked' } },
    '4 minutes late': { headers: { 'IVVY-Date': ivvyDate(-240) } },
    '4 minutes early': { headers: { 'IVVY-Date': ivvyDate(240) } },
  };
  for (const [what, variation] of Object.entries(variations))
    test(what, async () => {
      const { status, body } = await run(variation);
      assert.equal(status, 200, JSON.stringify(body));
    });

  test('however the scheme and the signature are written', async () => {
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

  test('without a body, with the MD5 of nothing as well', async () => {
    for (const headers of [{}, { 'Content-MD5': md5('') }])
      for (const method of ['GET', 'POST']) {
        const { status, body } = await request({ method, path: '/batch?action=progress', headers });
        assert.equal(body.specificCode, 24105, JSON.stringify(body));
        assert.equal(status, 404);
      }
  });

  test('again within its 5 minutes', async () => {
    const headers = sign(signer, { path: RUN, body: JOBS });
    for (let count = 0; count < 2; count++)
      assert.equal((await send(system.url, { path: RUN, body: JOBS }, headers)).status, 200);
  });
});

describe('A body that was signed', () => {
  test('may be compressed: its MD5 is that of the bytes sent', async () => {
    const body = gzipSync(JOBS);
    const headers = { 'Content-Encoding': 'gzip' };
    assert.equal((await run({ body, headers })).status, 200);
  });

  test('may be lines, and large', async () => {
    const body = `${JSON.stringify({ namespace: 'test', action: 'echo', params: {} })}\n`.repeat(2500);
    const headers = { 'Content-Type': 'application/x-ndjson' };
    const answer = await request({ path: '/v1/batches', body, headers });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(answer.body.counts.total, 2500);
  });

  test('is there for a plugin to read, whatever its size', async () => {
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

describe('A key signs', () => {
  test('only when it was made to, is whole, and has not ended', async () => {
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

  test('as its tenant, with its permissions', async () => {
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

  test('and may be sent as Bearer as well, yet never in place of a wrong signature', async () => {
    const authorization = `Bearer ${signer.key}`;
    assert.equal((await system.rpc('run', JOBS, { authorization })).status, 200);
    assert.equal((await run({ headers: { authorization } }, { ...signer, secret: 'x' })).status, 401);
  });

  test('as often a minute as any other', async () => {
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
