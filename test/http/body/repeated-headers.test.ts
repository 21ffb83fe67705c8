/** Repeating a header that has one value is an error: one of the values is not what the sender meant. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ivvyDate, makeSigningKey, send, sign } from '../../support/signed.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

const system = await startSystem(
  { after },
  { worker: false, env: { SECRET_KEY: 'the secret key of these tests: 32 +' } },
);
const signer = await makeSigningKey(system);
const body = JSON.stringify({ jobs: [{ namespace: 'test', action: 'echo', params: {} }] });

async function assertTwice(name: string, path: string, headers: Record<string, string | string[]>) {
  const rows = await storedRows(system.pool);
  const answer = await send(system.url, { path, body }, headers);
  assert.equal(answer.status, 400, JSON.stringify(answer.body));
  assert.equal(answer.body.message ?? answer.body.detail, `The header ${name} came twice`);
  assert.deepEqual(await storedRows(system.pool), rows);
}

describe('repeated headers', () => {
  const bearer = { Authorization: `Bearer ${ADMIN_KEY}` };
  const cases: Record<string, Record<string, string | string[]>> = {
    'Idempotency-Key': { ...bearer, 'Idempotency-Key': ['a', 'b'] },
    'idempotency-key': { ...bearer, 'idempotency-key': ['a', 'a'] },
    Authorization: { Authorization: [`Bearer ${ADMIN_KEY}`, 'Bearer other'] },
    'Content-Type': { ...bearer, 'Content-Type': ['application/json', 'application/x-ndjson'] },
    'Content-Encoding': { ...bearer, 'Content-Encoding': ['identity', 'gzip'] },
  };
  for (const [name, headers] of Object.entries(cases))
    for (const path of [
      '/batch?action=run',
      '/v1/batches',
      '/api/1.0/test?action=echo',
      '/rpc-fixture/batches',
    ])
      test(`${name}, at ${path}`, () => assertTwice(name, path, headers));

  const path = '/api/1.0/batch?action=run';
  const signed = sign(signer, { path, body });
  for (const name of ['X-Api-Authorization', 'IVVY-Date', 'Content-MD5', 'X-Api-Version'])
    test(`a repeated ${name} of a signed request is named, and nothing is stored`, () =>
      assertTwice(name, path, { ...signed, [name]: [String(signed[name]), String(signed[name])] }));

  test('a repeated IVVY-Date under another of its names is refused', () =>
    assertTwice('IVVY_Date', path, { ...signed, IVVY_Date: ivvyDate() }));
});

test('a comma in a single Idempotency-Key is part of the key', async () => {
  const run = async (key: string) =>
    (await system.rpc('run', body, { 'idempotency-key': key })).body.asyncId as string;
  const first = await run('a, b');
  assert.equal(await run('a, b'), first);
  assert.notEqual(await run('a'), first);
});

test('headers that may be repeated are accepted', async () => {
  const headers = {
    Authorization: `Bearer ${ADMIN_KEY}`,
    Accept: ['text/csv', '*/*'],
    'X-Other': ['a', 'b'],
  };
  assert.equal((await send(system.url, { path: '/batch?action=run', body }, headers)).status, 200);
});
