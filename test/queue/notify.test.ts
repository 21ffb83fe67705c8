import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { listenForMessages, notifyOf } from '../../src/queue/notify.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const NAME = 'listener test';

test('a notifyOf is heard when its transaction commits, and again after the connection was lost', async (t) => {
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
