import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findAdminKey, readAdminKey, readSecretKeys } from '../../src/config/generated-keys.ts';

/** An empty data directory. */
async function newDataDir(t: TestContext): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'batchwright-keys-'));
  t.after(() => rm(dataDir, { recursive: true }));
  return dataDir;
}

test('the first start generates both keys and stores each in a private file of the data directory', async (t) => {
  const dataDir = await newDataDir(t);
  const admin = await readAdminKey({ adminKey: undefined, dataDir });
  const [secretKey] =
    (await readSecretKeys({ secretKeys: undefined, databaseUrl: undefined, dataDir })) ?? [];
  assert.match(admin.key, /^bw_admin_[0-9a-f]{48}$/);
  assert.match(String(secretKey), /^[0-9a-f]{64}$/);
  assert.deepEqual((await readdir(dataDir)).sort(), ['admin-key', 'secret-key']);
  for (const [name, key] of Object.entries({ 'admin-key': admin.key, 'secret-key': secretKey })) {
    assert.equal(await readFile(join(dataDir, name), 'utf8'), `${key}\n`);
    assert.equal((await stat(join(dataDir, name))).mode & 0o777, 0o600);
  }
});

test('later starts find the stored keys', async (t) => {
  const dataDir = await newDataDir(t);
  const adminPlace = { adminKey: undefined, dataDir };
  const secretPlace = { secretKeys: undefined, databaseUrl: undefined, dataDir };
  const [admin, secretKey] = [await readAdminKey(adminPlace), await readSecretKeys(secretPlace)];
  assert.deepEqual(
    [admin.generated, admin.fresh, await readAdminKey(adminPlace)],
    [true, true, { key: admin.key, generated: true, fresh: false }],
  );
  assert.equal(await findAdminKey(adminPlace), admin.key);
  assert.deepEqual(await readSecretKeys(secretPlace), secretKey);
  const [old] = secretKey ?? [];
  await writeFile(join(dataDir, 'secret-key'), `${'n'.repeat(64)},${old}\n`);
  assert.deepEqual(await readSecretKeys(secretPlace), ['n'.repeat(64), old]);
});

test('concurrent starts agree on one key', async (t) => {
  const dataDir = await newDataDir(t);
  const place = { secretKeys: undefined, databaseUrl: undefined, dataDir };
  const keys = await Promise.all(Array.from({ length: 8 }, () => readSecretKeys(place)));
  assert.equal(new Set(keys.map(String)).size, 1);
});

test('a given key is used, and none is generated', async (t) => {
  const dataDir = await newDataDir(t);
  const secretKeys = ['a secret key that the operator chose'];
  const databaseUrl = 'postgres://db.test/jobs';
  assert.equal(await readSecretKeys({ secretKeys, databaseUrl: undefined, dataDir }), secretKeys);
  assert.equal(await readSecretKeys({ secretKeys, databaseUrl, dataDir }), secretKeys);
  assert.deepEqual(await readAdminKey({ adminKey: 'the admin key of the operator', dataDir }), {
    key: 'the admin key of the operator',
    generated: false,
    fresh: false,
  });
  assert.deepEqual(await readdir(dataDir), []);
});

test('no secret key is generated for a database of the operator', async (t) => {
  const dataDir = await newDataDir(t);
  const place = { secretKeys: undefined, databaseUrl: 'postgres://db.test/jobs', dataDir };
  assert.equal(await readSecretKeys(place), undefined);
  assert.deepEqual(await readdir(dataDir), []);
});

test('an empty key file is refused', async (t) => {
  const dataDir = await newDataDir(t);
  const place = { secretKeys: undefined, databaseUrl: undefined, dataDir };
  await writeFile(join(dataDir, 'secret-key'), '\n');
  await assert.rejects(readSecretKeys(place), {
    message: `${join(dataDir, 'secret-key')} is empty: restore it, or remove it to have a new key generated`,
  });
});

test('a key file without a valid key is refused, and its text is not shown', async (t) => {
  const dataDir = await newDataDir(t);
  for (const key of ['short', 'a key that no header can carry: \u00e9'])
    for (const read of [readAdminKey, findAdminKey]) {
      await writeFile(join(dataDir, 'admin-key'), key);
      await assert.rejects(read({ adminKey: undefined, dataDir }), {
        message: `${join(dataDir, 'admin-key')} does not contain a key: restore it, or remove it to have a new key generated`,
      });
    }
});

test('an unreadable key file is reported with the reason', async (t) => {
  const dataDir = await newDataDir(t);
  await mkdir(join(dataDir, 'secret-key'));
  const place = { secretKeys: undefined, databaseUrl: undefined, dataDir };
  await assert.rejects(readSecretKeys(place), { code: 'EISDIR' });
  assert.deepEqual(await readdir(dataDir), ['secret-key']);
});
