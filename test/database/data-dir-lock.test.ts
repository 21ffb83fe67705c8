import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDataDir } from '../../src/database/data-dir-lock.ts';

test('one process has the lock until it releases it', async (t) => {
  const folder = await makeFolder(t);
  const release = await lockDataDir(folder);
  await assert.rejects(lockDataDir(folder), {
    message: `DATA_DIR ${folder} is in use by another Batchwright (pid ${process.pid}); stop it or set another DATA_DIR`,
  });
  await release();
  await (await lockDataDir(folder))();
  assert.deepEqual(await readdir(folder), []);
});

for (const [what, content] of [
  ['a process that is gone', '4194999 0/0\n'],
  ['an earlier process with our pid', `${process.pid} another-boot/1\n`],
  ['nobody, for it is no lock of ours', 'rubbish'],
] as const) {
  test(`of many that find a lock held by ${what} exactly one takes it over`, async (t) => {
    const folder = await makeFolder(t);
    await writeFile(join(folder, 'lock'), content);
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(folder)));
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.deepEqual(await readdir(folder), ['lock']);
  });
}

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-lock-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
