import assert from 'node:assert/strict';
import { after, beforeEach, describe, type TestContext, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { pollForDue } from '../../src/queue/due.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const { url, pool } = await createDatabase({ after });
const queue = await startQueue({ url, queues: ['default'], applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());
beforeEach(() => pool.query('delete from pgboss.job'));

const MESSAGE = { batch: '00000000-0000-7000-8000-000000000001', chunk: 0, generation: 1, attempt: 1 };
const QUEUES = ['jobs.default', 'quarantine.default', 'callbacks'];

/** The queues that polling has named, in order. */
function startPolling(t: TestContext, queues = QUEUES) {
  const due: string[] = [];
  const errors: unknown[] = [];
  const polling = pollForDue({
    pool,
    queues: () => queues,
    onDue: (name) => due.push(name),
    onError: (error) => errors.push(error),
  });
  t.after(() => polling.stop());
  const names = (name: string, times = 1) =>
    waitFor(async () => due.filter((each) => each === name).length >= times, { what: `${name} to be due` });
  return { due, errors, names };
}

const sendChunk = (delaySeconds = 0) =>
  transaction(pool, (client) => queue.sendChunks(client, 'default', [MESSAGE], { delaySeconds }));

describe('polling', () => {
  test('polling names a queue while a message of it is due, and no other queue', async (t) => {
    const { due, names } = startPolling(t);
    await sendChunk();
    await names('jobs.default', 2);
    assert.deepEqual([...new Set(due)], ['jobs.default']);
  });

  test('polling names a queue with a returned message when its delay is over', async (t) => {
    await sendChunk(3600);
    await transaction(pool, (client) => queue.sendToQuarantine(client, 'default', MESSAGE));
    const { due, names } = startPolling(t);
    await names('quarantine.default', 2);
    assert.ok(!due.includes('jobs.default'), 'what is delayed is not due');
    await pool.query(
      `update pgboss.job set state = 'retry', start_after = pgboss.job_now() where name = $1`,
      ['jobs.default'],
    );
    await names('jobs.default');
  });

  test('polling does not name a queue whose only message is claimed', async (t) => {
    await sendChunk();
    await pool.query(`update pgboss.job set state = 'active'`);
    await transaction(pool, (client) =>
      queue.sendCallbacks(client, [
        {
          batch: MESSAGE.batch,
          generation: 1,
          attempt: 1,
          trigger: 'completion',
          tenant: 'default',
          receiver: 'a.example',
        },
      ]),
    );
    const { due, names } = startPolling(t);
    await names('callbacks', 2);
    assert.deepEqual([...new Set(due)], ['callbacks']);
  });

  test('polling continues after a failed query', async (t) => {
    const { errors, names } = startPolling(t);
    await sendChunk();
    await names('jobs.default');
    await pool.query('alter table pgboss.job_common rename to job_common_away');
    await waitFor(async () => errors.length > 0, { what: 'an error' });
    await pool.query('alter table pgboss.job_common_away rename to job_common');
    await names('jobs.default', 3);
  });
});
