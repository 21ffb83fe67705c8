import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DatabaseProxy, startProxy } from '../support/proxy.ts';
import { startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

test('readyz is 503 within seconds while the database hangs, healthz 200 at once, and both 200 afterwards', async (t) => {
  let proxy: DatabaseProxy | undefined;
  const system = await startSystem(t, {
    worker: false,
    through: async (databaseUrl) => {
      proxy = await startProxy(t, databaseUrl);
      return proxy.url;
    },
  });
  assert.equal((await system.request('/readyz')).status, 200);
  proxy?.freeze();
  try {
    const answers = await Promise.all(Array.from({ length: 30 }, () => system.request('/readyz')));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]));
    assert.equal((await system.request('/healthz')).status, 200);
  } finally {
    proxy?.thaw();
  }
  await waitFor(async () => (await system.request('/readyz')).status === 200, {
    what: 'the database to be back',
  });
});
