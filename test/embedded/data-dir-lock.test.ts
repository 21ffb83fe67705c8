import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDataDir } from '../../src/embedded/data-dir-lock.ts';

test('one holder has the lock until it releases it', async (t) => {
  const folder = await makeFolder(t);
  const release = lockDataDir(folder);
  assert.throws(() => lockDataDir(folder), {
    message: `DATA_DIR ${folder} is in use by another Batchwright (pid ${process.pid}); stop it or set another DATA_DIR`,
  });
  release();
  lockDataDir(folder)();
});

test('a folder in which no lock can be made is named in the error', async (t) => {
  const file = join(await makeFolder(t), 'file');
  await writeFile(file, '');
  assert.throws(
    () => lockDataDir(file),
    /^Error: DATA_DIR .*\/file cannot be used by this user: unable to open/,
  );
});

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-lock-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
