/** When keys were last used. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startKeyUse } from '../../../src/access/key-use.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import type { Json } from '../../support/json.ts';
import { makeSigningKey, sendSigned } from '../../support/signed.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const SECRET_KEY = 'the secret key of these tests: 32 +';
const system = await startSystem({ after }, { worker: false, env: { SECRET_KEY } });
const { pool } = system;

async function newKey(): Promise<{ id: string; key: string }> {
  const body = JSON.stringify({ name: 'a key', permissions: ['*', 'admin'] });
  return (await system.request('/v1/keys', { method: 'POST', body })).body;
}

async function lastUsedAt(id: string): Promise<string | null> {
  const { body } = await system.request('/v1/keys');
  return body.data.find((row: Json) => row.id === id).lastUsedAt;
}

const useOf = (id: string): Promise<string> =>
  waitFor(() => lastUsedAt(id), { what: 'the use of a key', timeoutMs: 10_000 }) as Promise<string>;

const setUse = (id: string, secondsAgo: number) =>
  pool.query(
    'update batchwright.api_key set last_used_at = now() - make_interval(secs => $2) where id = $1',
    [id, secondsAgo],
  );

test('a key shows when it was last used, and null when it never was', async () => {
  const [used, unused] = [await newKey(), await newKey()];
  const headers = { authorization: `Bearer ${used.key}` };
  assert.equal((await system.request('/v1/actions', { headers })).status, 200);
  const at = await useOf(used.id);
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 10_000, at);
  const wrong = { authorization: `Bearer ${unused.key.replace(/.$/, 'x')}` };
  assert.equal((await system.request('/v1/actions', { headers: wrong })).status, 401);
  assert.equal(await lastUsedAt(unused.id), null);
});

test('a signed request counts, and one with a wrong signature does not', async () => {
  const [signer, other] = [await makeSigningKey(system), await makeSigningKey(system)];
  const request = {
    path: '/batch?action=validate',
    body: '{"jobs":[{"namespace":"test","action":"echo","params":{}}]}',
  };
  assert.equal((await sendSigned(system.url, { ...other, secret: 'wrong' }, request)).status, 401);
  assert.equal((await sendSigned(system.url, signer, request)).status, 200);
  await useOf(signer.id);
  assert.equal(await lastUsedAt(other.id), null);
});

test('the use of a key is written at most once a minute, by all processes together', async () => {
  const { id } = await newKey();
  const processes = Array.from({ length: 5 }, () => startKeyUse({ pool, log: silentPluginLog }));
  for (const { note } of processes) for (let time = 0; time < 100; time++) note(id);
  await Promise.all(processes.map(({ stop }) => stop()));
  const first = await useOf(id);

  const useOnce = async () => {
    const { note, stop } = startKeyUse({ pool, log: silentPluginLog });
    note(id);
    await stop();
    return lastUsedAt(id);
  };
  assert.equal(await useOnce(), first);
  await setUse(id, 30);
  const recent = await lastUsedAt(id);
  assert.equal(await useOnce(), recent);
  await setUse(id, 61);
  const old = await lastUsedAt(id);
  assert.ok(Date.parse((await useOnce()) ?? '') > Date.parse(old ?? ''));
});

test('a process sends a statement for the keys that were used, and none for each request', async () => {
  const keys = await Promise.all([newKey(), newKey()]);
  let statements = 0;
  const counted = Object.assign(Object.create(pool), {
    connect: () => {
      statements++;
      return pool.connect();
    },
  });
  const use = startKeyUse({ pool: counted, log: silentPluginLog }, 10);
  for (const { id } of keys) use.note(id);
  await useOf(keys[0].id);
  for (const { id } of keys) use.note(id);
  use.note('admin');
  use.note('a caller of a plugin');
  await use.stop();
  assert.equal(statements, 1);
});

test('a lost write of a use does no harm: the key works, and a later use is written', async () => {
  const { id, key } = await newKey();
  const away = Object.assign(Object.create(pool), { connect: () => Promise.reject(new Error('away')) });
  const use = startKeyUse({ pool: away, log: silentPluginLog });
  use.note(id);
  await use.stop();
  assert.equal(await lastUsedAt(id), null);
  const holder = await pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from batchwright.api_key where id = $1 for update', [id]);
    const held = startKeyUse({ pool, log: silentPluginLog });
    held.note(id);
    await held.stop();
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  assert.equal(await lastUsedAt(id), null, 'a locked key is skipped');
  await system.request('/v1/actions', { headers: { authorization: `Bearer ${key}` } });
  await useOf(id);
});
