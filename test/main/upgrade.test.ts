import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toAsyncId } from '../../src/domain/batch.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { withClient } from '../support/server.ts';
import { createOldDatabase, storeBatch, storeMessage } from './first-release.ts';
import { makeHome } from './product.ts';

const ADMIN_KEY = 'an admin key with spaces';

const echoJobs = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ namespace: 'test', action: 'echo', params: { n } }));

test('batches in flight in the first release are completed after an upgrade', async (t) => {
  const receiver = await startReceiver(t);
  const databaseUrl = await createOldDatabase(t);
  const ids = await withClient(databaseUrl, async (client) => {
    const message = { generation: 1, attempt: 1 };
    const waiting = await storeBatch(client, { chunks: [echoJobs(3), echoJobs(2)] });
    for (const chunk of [0, 1])
      await storeMessage(client, {
        queue: 'jobs.default',
        group: waiting,
        data: { ...message, batch: waiting, chunk },
      });
    const running = await storeBatch(client, { chunks: [echoJobs(2)] });
    await storeMessage(client, {
      queue: 'jobs.default',
      group: running,
      data: { ...message, batch: running, chunk: 0 },
      state: 'active',
    });
    const delayed = await storeBatch(client, { chunks: [echoJobs(2)] });
    await storeMessage(client, {
      queue: 'jobs.default',
      group: delayed,
      data: { batch: delayed, chunk: 0, generation: 1, attempt: 2, indexes: [0, 1] },
      delaySeconds: 3,
    });
    const called = await storeBatch(client, {
      chunks: [echoJobs(2)],
      ended: { status: 'succeeded', callbackUrl: receiver.url },
    });
    await storeMessage(client, {
      queue: 'callbacks',
      group: new URL(receiver.url).host,
      data: {
        batch: called,
        generation: 1,
        attempt: 2,
        trigger: 'completion',
        receiver: new URL(receiver.url).host,
      },
      delaySeconds: 3,
    });
    const failed = await storeBatch(client, { chunks: [echoJobs(2)], ended: { status: 'failed' } });
    return { waiting, running, delayed, called, failed };
  });

  const home = await makeHome(t);
  const product = home.startWithoutNpm({ DATABASE_URL: databaseUrl, ADMIN_KEY, CALLBACK_ALLOW: '127.0.0.1' });
  const site = await product.ready(ADMIN_KEY);
  const [callback] = await receiver.received(1);
  assert.equal(callback?.id, `msg_${toAsyncId(ids.called)}_1`);
  assert.equal((await site.rpc('restart', { async: toAsyncId(ids.failed) })).body.restarted, true);

  for (const [id, attempts, total] of [
    [ids.waiting, 1, 5],
    [ids.running, 1, 2],
    [ids.delayed, 2, 2],
    [ids.failed, 1, 2],
  ] as const) {
    const results = await site.results(toAsyncId(id), 60_000);
    assert.deepEqual(
      results.map(({ status, attempts }) => ({ status, attempts })),
      Array.from({ length: total }, () => ({ status: 'succeeded', attempts })),
    );
  }
  product.signalAll('SIGTERM');
  assert.deepEqual(await product.exited, { code: 0, signal: null });
});
