import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { canReach } from '../../src/embedded/owner.ts';
import { makeHome, NOBODY, ROOT } from './product.ts';

test('npm start by an ordinary user', {
  // Without root, test/main/start.test.ts covers this.
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  if (!(await canReach(ROOT, NOBODY)))
    return t.skip('this checkout is below a folder closed to other users, such as /root');
  const home = await makeHome(t, NOBODY);
  const first = home.start();
  const site = await first.ready();

  await t.test(
    'npm start by an ordinary user stores everything under DATA_DIR as its own files',
    async () => {
      for (const name of ['', 'admin-key', 'postgres'])
        assert.equal((await stat(join(home.dataDir, name))).uid, NOBODY.uid, name);
      assert.equal((await stat(join(home.dataDir, 'admin-key'))).mode & 0o777, 0o600);
    },
  );

  await t.test('npm start by an ordinary user runs a batch, and ends on a signal', async () => {
    const asyncId = await site.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }]);
    assert.deepEqual((await site.results(asyncId))[0].response, { n: 1 });
    first.signalAll('SIGTERM');
    assert.deepEqual(await first.exited, { code: 0, signal: null });
    assert.deepEqual(await home.processes(), []);
  });
});
