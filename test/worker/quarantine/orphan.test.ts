import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import type { QuarantineOrder } from '../../../src/worker/quarantine/child.ts';
import { entriesOf, openGate, workJob } from '../../pipeline/work-jobs.ts';
import { startSystem, TEST_PLUGINS } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const MAIN = resolve(import.meta.dirname, '../../../src/main.ts');

test('a quarantine process that tries a job alone when its worker ends records it and returns the others', async (t) => {
  const system = await startSystem(t, { worker: false });
  const asyncId = await system.run([1, 2, 3].map(() => workJob('attempt', { gate: 'orphan' })));
  const { rows } = await system.pool.query(
    `update pgboss.job set name = 'quarantine.default', state = 'active', started_on = now(), heartbeat_on = now()
     where group_id = $1 returning id, data::text`,
    [toBatchId(asyncId)],
  );
  const claim = {
    id: rows[0].id,
    queue: 'quarantine.default',
    retryCount: 0,
    message: JSON.parse(rows[0].data),
  };
  const env = {
    ...process.env,
    DATABASE_URL: system.databaseUrl,
    PLUGIN_DIR: TEST_PLUGINS,
    LOG_LEVEL: 'info',
  };
  const child = fork(MAIN, ['quarantine'], {
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stdout?.on('data', (text: Buffer) => {
    log += text;
  });
  const exited = once(child, 'exit');
  await once(child, 'message');
  const task = { id: 1, queueName: 'default', claim, failedForGood: [], toTryAlone: [0] };
  child.send({ kind: 'first', tasks: [task] } satisfies QuarantineOrder);
  await waitFor(async () => (await entriesOf(system, asyncId)).length === 1, { what: 'the job to run' });

  child.disconnect();
  await waitFor(async () => log.includes('"draining"'), { what: 'the child to drain' });
  await openGate(system, 'orphan');
  assert.deepEqual(await exited, [0, null]);
  const { counts } = (await system.rpc('progress', { async: asyncId })).body;
  assert.deepEqual([counts.succeeded, counts.pending, counts.running], [1, 2, 0]);
  const { rows: waiting } = await system.pool.query(
    `select name, state::text, data ->> 'indexes' as indexes from pgboss.job where group_id = $1 and state <= 'active'`,
    [toBatchId(asyncId)],
  );
  assert.deepEqual(waiting, [{ name: 'quarantine.default', state: 'created', indexes: '[1, 2]' }]);
});
