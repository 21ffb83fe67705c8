import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolClient } from 'pg';
import { transaction } from '../../src/postgres/transaction.ts';
import { listenForMessages, notifyOf } from '../../src/queue/notify.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const NAME = 'listener test';

test('a notification arrives when its transaction commits, also after the connection was lost', async (t) => {
  const { url, pool } = await createDatabase(t);
  const heard: (string | undefined)[] = [];
  const listener = listenForMessages({
    url,
    applicationName: NAME,
    onMessage: (queue) => heard.push(queue),
    log: silentLog,
  });
  t.after(() => listener.stop());
  const hears = (...expected: (string | undefined)[]) =>
    waitFor(async () => heard.length >= expected.length, { what: 'a ring' }).then(() => {
      assert.deepEqual(heard.splice(0), expected);
    });
  await hears(undefined);

  await transaction(pool, (client) => notifyOf(client, 'one'));
  await hears('one');

  const undone = transaction(pool, async (client) => {
    await notifyOf(client, 'two');
    throw new Error('undone');
  });
  await assert.rejects(undone, /undone/);
  await transaction(pool, (client) => notifyOf(client, 'three'));
  await hears('three');

  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()`,
    [NAME],
  );
  await hears(undefined);
  await transaction(pool, (client) => notifyOf(client, 'four'));
  await hears('four');
});

test('sending messages notifies their queue, unless all of them are delayed', async (t) => {
  const { url, pool } = await createDatabase(t);
  const queue = await startQueue({
    url,
    queues: ['default'],
    applicationName: 'test',
    max: 2,
    log: silentLog,
  });
  t.after(() => queue.stop());
  const heard: (string | undefined)[] = [];
  const onMessage = (name?: string) => heard.push(name);
  const listener = listenForMessages({ url, applicationName: NAME, onMessage, log: silentLog });
  t.after(() => listener.stop());
  await waitFor(async () => heard.length === 1, { what: 'the listener' });

  const batch = '00000000-0000-7000-8000-000000000001';
  const chunk = { batch, chunk: 0, generation: 1, attempt: 1 };
  const callback = {
    batch,
    generation: 1,
    attempt: 1,
    trigger: 'completion',
    tenant: 'a',
    receiver: 'b',
  } as const;
  const sends = (work: (client: PoolClient) => Promise<void>) => transaction(pool, work);
  await sends((client) => queue.sendChunks(client, 'default', [chunk], { delaySeconds: 3600 }));
  await sends((client) => queue.sendCallbacks(client, [callback], { delaySeconds: 3600 }));
  await sends((client) => queue.sendChunks(client, 'default', [chunk]));
  await sends((client) => queue.sendToQuarantine(client, 'default', chunk));
  await sends((client) => queue.sendCallbacks(client, [callback]));
  await waitFor(async () => heard.length >= 4, { what: 'what was sent' });
  assert.deepEqual(heard, [undefined, 'jobs.default', 'quarantine.default', 'callbacks']);
});
