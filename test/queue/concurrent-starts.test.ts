import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueue } from '../../src/queue/queue.ts';
import { createEmptyDatabase } from '../main/empty-database.ts';
import { silentLog } from '../support/silent-log.ts';

test('processes that start concurrently on an empty database create the queue’s tables and indexes together', async (t) => {
  const url = await createEmptyDatabase(t);
  const starting = Array.from({ length: 12 }, () =>
    startQueue({ url, queues: ['default'], applicationName: 'test', max: 1, log: silentLog }),
  );
  const started = await Promise.allSettled(starting);
  for (const start of started) if (start.status === 'fulfilled') await start.value.stop();
  assert.deepEqual(
    started.flatMap((start) => (start.status === 'rejected' ? [String(start.reason)] : [])),
    [],
  );
});
