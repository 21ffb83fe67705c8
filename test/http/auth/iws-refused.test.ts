/** Wrong signed requests: the caller gets the reason, and nothing is stored. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ivvyDate, makeSigningKey, type Signable, send, sendSigned, sign } from '../../support/signed.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem(
  { after },
  { worker: false, env: { SECRET_KEY: 'the secret key of these tests: 32 +' } },
);
const signer = await makeSigningKey(system);

const RUN = '/api/1.0/batch?action=run';
const JOBS = JSON.stringify({ jobs: [{ namespace: 'test', action: 'echo', params: { n: 1 } }] });
const WRONG_KEY = { errorCode: 401, message: 'Missing or wrong API key' };
const STALE = { errorCode: 401, message: 'Request is stale', specificCode: 23005 };
const WRONG_MD5 = { errorCode: 401, message: 'Content-MD5 is not the MD5 of the body in hex' };

const run = (signable: Partial<Signable> = {}, key = signer) =>
  sendSigned(system.url, key, { path: RUN, body: JOBS, ...signable });
const md5 = (body: string | Buffer) => createHash('md5').update(body).digest('hex');

function assertRefused({ status, headers, body }: Answer, expected: object): void {
  assert.deepEqual(body, expected);
  assert.equal(status, 401);
  assert.equal(headers.get('www-authenticate'), 'Bearer');
}

/** Asserts that the answer refuses a signature and shows the string to sign. */
function assertUnsigned({ status, body }: Answer): void {
  assert.equal(status, 401, JSON.stringify(body));
  assert.equal(body.message, 'The signature is not that of the request');
  assert.match(body.additionalMessages[0], /^the string to sign is [a-z]/);
}

describe('bodies that differ from the signed one', () => {
  const line = `${JSON.stringify({ namespace: 'test', action: 'echo', params: { n: 1 } })}\n`;
  const ndjson = { 'Content-Type': 'application/x-ndjson' };
  const bodies: Record<string, Signable & { sent: string | Buffer }> = {
    'a batch': { path: RUN, body: JOBS, sent: JOBS.replace('1', '2') },
    'a batch by REST': { path: '/v1/batches', body: JOBS, sent: `${JOBS} ` },
    lines: { path: '/v1/batches', headers: ndjson, body: line, sent: line.repeat(2) },
    'many lines with only the last one different': {
      path: '/v1/batches',
      headers: ndjson,
      body: line.repeat(2500),
      sent: line.repeat(2499) + line.replace('1', '2'),
    },
    'compressed bytes': {
      path: RUN,
      headers: { 'Content-Encoding': 'gzip' },
      body: gzipSync(JOBS),
      sent: gzipSync(JOBS.replace('1', '2')),
    },
    'a single action': { path: '/api/1.0/test?action=echo', body: '{"n":1}', sent: '{"n":2}' },
    'a batch that a plugin submits': {
      path: '/rpc-fixture/batches',
      body: JOBS,
      sent: JOBS.replace('1', '2'),
    },
    'a large body for a plugin': {
      path: '/rpc-fixture/calls/test.echo',
      body: `{"n":1}${' '.repeat(300_000)}`,
      sent: `{"n":2}${' '.repeat(300_000)}`,
    },
    'no body at all': { path: RUN, body: JOBS, sent: '' },
  };
  for (const [what, { sent, ...signable }] of Object.entries(bodies))
    test(`a body other than the signed one is refused: ${what}`, async () => {
      const rows = await storedRows(system.pool);
      const answer = await send(system.url, { path: signable.path, body: sent }, sign(signer, signable));
      assert.equal(answer.status, 401, JSON.stringify(answer.body));
      assert.equal(answer.body.message ?? answer.body.detail, WRONG_MD5.message);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      assert.deepEqual(await storedRows(system.pool), rows);
    });

  test('a key', async () => {
    const admin = await makeSigningKey(system, { permissions: ['admin', 'test.*'] });
    const path = '/v1/keys';
    const body = JSON.stringify({ name: 'small', permissions: ['test.echo'] });
    const headers = sign(admin, { path, body });
    const rows = await storedRows(system.pool);
    const larger = JSON.stringify({ name: 'large', permissions: ['test.*'] });
    assert.equal((await send(system.url, { path, body: larger }, headers)).status, 401);
    assert.deepEqual(await storedRows(system.pool), rows);
    assert.equal((await send(system.url, { path, body }, headers)).status, 201);
  });

  test('a body whose MD5 is not in hex is refused', async () => {
    const base64 = createHash('md5').update(JOBS).digest('base64');
    assertRefused(await run({ headers: { 'Content-MD5': base64 } }), WRONG_MD5);
  });

  test('a compressed body with the MD5 of the uncompressed text is refused', async () => {
    const headers = { 'Content-Encoding': 'gzip', 'Content-MD5': md5(JOBS) };
    assertRefused(await run({ body: gzipSync(JOBS), headers }), WRONG_MD5);
  });

  test('a signed body without Content-MD5 is refused', async () => {
    const expected = {
      errorCode: 401,
      message: 'Content-MD5 is missing: a signed request with a body needs it',
    };
    for (const path of [RUN, '/rpc-fixture/batches'])
      for (const further of [{}, { 'Transfer-Encoding': 'chunked' }])
        assertRefused(await run({ path, headers: { 'Content-MD5': undefined, ...further } }), expected);
  });
});

describe('stale requests', () => {
  const hour = new Date(Date.now() - 3_600_000).toUTCString();
  const unreadable = {
    ...STALE,
    additionalMessages: [
      'IVVY-Date or Date must be YYYY-MM-DD HH:mm:ss in UTC, or Date as in RFC 9110: Tue, 03 Apr 2012 22:23:24 GMT',
    ],
  };
  const late: Record<string, Record<string, string | undefined>> = {
    'when it is more than 5 minutes late': { 'IVVY-Date': ivvyDate(-310) },
    'when it is more than 5 minutes early': { 'IVVY-Date': ivvyDate(360) },
    'when it is a day late': { 'IVVY-Date': ivvyDate(-86_400) },
    'when it is late by its Date': { 'IVVY-Date': undefined, Date: hour },
    'when it is late by IVVY-Date, although Date is recent': {
      'IVVY-Date': ivvyDate(-310),
      Date: new Date().toUTCString(),
    },
    'when it is late, with UTC at the end': { 'IVVY-Date': `${ivvyDate(-310)} UTC` },
  };
  const unread: Record<string, Record<string, string | undefined>> = {
    'without a date': { 'IVVY-Date': undefined },
    'with an empty date': { 'IVVY-Date': '' },
    'with a date in another form': { 'IVVY-Date': new Date().toISOString() },
    'with an invalid Date': { 'IVVY-Date': undefined, Date: new Date().toISOString() },
  };
  for (const [expected, dates] of [
    [STALE, late],
    [unreadable, unread],
  ] as const)
    for (const [what, headers] of Object.entries(dates))
      test(`a request is stale ${what}`, async () => {
        const rows = await storedRows(system.pool);
        assertRefused(await run({ headers }), expected);
        assert.deepEqual(await storedRows(system.pool), rows);
      });

  test('a stale request below /v1 is answered with a problem document', async () => {
    const headers = { 'IVVY-Date': ivvyDate(-310) };
    const { status, body } = await sendSigned(system.url, signer, {
      method: 'GET',
      path: '/v1/batches',
      headers,
    });
    assert.equal(status, 401);
    assert.deepEqual(body, {
      type: '/docs/errors/stale-request',
      title: 'Unauthorized',
      status: 401,
      detail: 'Request is stale',
      specificCode: 23005,
    });
  });
});

describe('signatures that do not match the request', () => {
  test('a signature is refused when any part that it covers has changed', async () => {
    const headers = sign(signer, { path: RUN, body: JOBS, headers: { 'IVVY-App': 'one' } });
    const sendChanged = (changed: Record<string, string>, more: Partial<Signable> = {}) =>
      send(system.url, { path: RUN, body: JOBS, ...more }, { ...headers, ...changed });
    const rows = await storedRows(system.pool);
    for (const changed of [
      { 'IVVY-Date': ivvyDate(-60) },
      { 'IVVY-App': 'two' },
      { 'IVVY-More': 'three' },
      { 'Content-Type': 'application/x-ndjson' },
      { 'X-Api-Version': '2.0' },
      { 'Content-MD5': md5('{}') },
    ])
      assertUnsigned(await sendChanged(changed));
    for (const more of [
      { path: '/api/1.0/batch?action=validate' },
      { path: `${RUN}&x=1` },
      { path: '/batch?action=run' },
      { method: 'PUT' },
    ])
      assertUnsigned(await sendChanged({}, more));
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('a wrong signature is answered with the string to sign', async () => {
    const date = ivvyDate();
    const { body } = await run(
      { headers: { 'IVVY-Date': date } },
      { ...signer, secret: signer.secret.replace(/./, 'x') },
    );
    assert.deepEqual(body, {
      errorCode: 401,
      message: 'The signature is not that of the request',
      additionalMessages: [
        `the string to sign is post${md5(JOBS)}application/json/api/1.0/batch?action=run1.0ivvydate=${date}`,
      ],
    });
  });

  test('a signature made with the secret of another key is refused', async () => {
    const other = await makeSigningKey(system);
    assertUnsigned(await run({}, { ...signer, secret: other.secret }));
  });
});

describe('malformed signature headers', () => {
  const { 'X-Api-Authorization': authorization = '', ...headers } = sign(signer, { path: RUN, body: JOBS });
  const { key } = signer;
  const refused = (value: string) =>
    send(system.url, { path: RUN, body: JOBS }, { ...headers, 'X-Api-Authorization': value });

  test('a malformed signature header is answered 401 with the right form', async () => {
    for (const wrong of [
      '',
      'IWS',
      'IWS :',
      `IWS ${key}`,
      `IWS ${key}:`,
      `IWS :${'0'.repeat(40)}`,
      `IWS ${key}:${'0'.repeat(40)}:${'0'.repeat(40)}`,
      `Bearer ${key}`,
      authorization.replace('IWS ', ''),
      authorization.replace('IWS', 'AWS'),
      'x'.repeat(10_000),
    ])
      assertRefused(await refused(wrong), {
        errorCode: 401,
        message: 'X-Api-Authorization must be IWS {key}:{signature}',
      });
  });

  test('a signature of the wrong length is answered 401 with the right length', async () => {
    for (const wrong of ['0'.repeat(39), '0'.repeat(41), 'z'.repeat(40), 'PT+Wl0Zk2iH0c4lGg1i8Gg5kZ3U='])
      assertRefused(await refused(`IWS ${key}:${wrong}`), {
        errorCode: 401,
        message: 'The signature in X-Api-Authorization must be an HMAC-SHA1 in hex: 40 digits',
      });
  });

  test('a malformed signature header is answered without revealing which keys exist', async () => {
    for (const unknown of ['nobody', `bw_${'0'.repeat(16)}_${'0'.repeat(48)}`])
      assertRefused(await refused(`IWS ${unknown}:${'0'.repeat(40)}`), WRONG_KEY);
  });
});
