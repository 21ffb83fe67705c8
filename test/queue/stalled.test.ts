import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { countDue, stalledQueues } from '../../src/queue/stalled.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

const QUEUES = ['default', 'slow'];
const { url, pool } = await createDatabase({ after });
const queue = await startQueue({ url, queues: QUEUES, applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());
beforeEach(() => pool.query('delete from pgboss.job'));

let batches = 0;
const newBatch = () => `00000000-0000-7000-8000-${String(++batches).padStart(12, '0')}`;

/** Sends a message for each of the chunks, as if a minute ago. */
async function send(name: string, chunks = [0], { delaySeconds = 0 } = {}): Promise<void> {
  const batch = newBatch();
  const messages = chunks.map((chunk) => ({ batch, chunk, generation: 1, attempt: 1 }));
  await transaction(pool, (client) => queue.sendChunks(client, name, messages, { delaySeconds }));
  await pool.query(
    `update pgboss.job set start_after = start_after - interval '1 minute' where group_id = $1`,
    [batch],
  );
}

async function sendCallback(receiver: string): Promise<void> {
  const message = { batch: newBatch(), generation: 1, attempt: 1, trigger: 'completion' } as const;
  await transaction(pool, (client) =>
    queue.sendCallbacks(client, [{ ...message, tenant: 'default', receiver }]),
  );
  await pool.query(
    `update pgboss.job set start_after = start_after - interval '1 minute' where group_id = $1`,
    [receiver],
  );
}

async function stalled(): Promise<string[]> {
  return (await stalledQueues(pool, QUEUES, 15)).map(({ name }) => name);
}

describe('queues that are stalled', () => {
  test('a queue is stalled when a message has been due for long, since its due time', async () => {
    await send('slow');
    await send('default', [0, 1]);
    const [first, second] = await stalledQueues(pool, QUEUES, 15);
    assert.deepEqual([first?.name, second?.name], ['jobs.default', 'jobs.slow']);
    const { rows } = await pool.query<{ due: Date }>(
      `select min(start_after) as due from pgboss.job where name = 'jobs.slow'`,
    );
    assert.deepEqual(second?.since, rows[0]?.due);
  });

  test('a queue is stalled when its worker is dead and its message has been released', async () => {
    await send('default');
    await pool.query(
      `update pgboss.job set state = 'retry', started_on = now() - interval '2 minutes', heartbeat_on = null`,
    );
    assert.deepEqual(await stalled(), ['jobs.default']);
  });

  test('a queue is stalled when callbacks wait, or messages in the quarantine', async () => {
    await sendCallback('a.example');
    await send('slow');
    await pool.query(`update pgboss.job set name = 'quarantine.slow' where name = 'jobs.slow'`);
    assert.deepEqual(await stalled(), ['callbacks', 'quarantine.slow']);
  });

  for (const [what, change] of [
    ['is claimed without a recent heartbeat', `state = 'active', heartbeat_on = now() - interval '1 minute'`],
    ['ended long ago', `state = 'completed', completed_on = now() - interval '1 minute'`],
  ])
    test(`a queue is stalled when one of its messages ${what}, and others wait`, async () => {
      await send('default', [0, 1, 2]);
      await pool.query(`update pgboss.job set ${change} where data->>'chunk' = '1'`);
      assert.deepEqual(await stalled(), ['jobs.default']);
    });

  test('a queue is stalled although another queue is worked on', async () => {
    await send('default');
    await send('slow');
    await pool.query(
      `update pgboss.job set state = 'active', heartbeat_on = now() where name = 'jobs.default'`,
    );
    await send('default');
    assert.deepEqual(await stalled(), ['jobs.slow']);
  });
});

describe('queues that are not stalled', () => {
  test('a queue is not stalled when its messages are delayed, or became due recently', async () => {
    await send('default', [0], { delaySeconds: 120 });
    await send('slow', [0], { delaySeconds: 55 });
    assert.deepEqual(await stalled(), []);
  });

  for (const [what, change] of [
    ['is claimed', `state = 'active', heartbeat_on = now()`],
    ['ended recently', `state = 'completed', completed_on = now()`],
    ['failed recently', `state = 'retry', started_on = now()`],
  ])
    test(`a queue is not stalled when one of its messages ${what}, even if many others wait`, async () => {
      await send('default', [0, 1, 2]);
      await pool.query(`update pgboss.job set ${change} where data->>'chunk' = '1'`);
      assert.deepEqual(await stalled(), []);
    });

  test('a queue is not stalled when no message waits in it', async () => {
    assert.deepEqual(await stalled(), []);
  });
});

test('waiting work is counted as batches and as callbacks, without delayed messages', async () => {
  await send('default', [0, 1, 2]);
  await send('default');
  await send('default', [0], { delaySeconds: 120 });
  await send('slow');
  await sendCallback('a.example');
  await sendCallback('a.example');
  assert.deepEqual(await countDue(pool, ['jobs.default', 'jobs.slow', 'callbacks']), {
    batches: 3,
    callbacks: 2,
  });
  assert.deepEqual(await countDue(pool, ['jobs.slow']), { batches: 1, callbacks: 0 });
});
