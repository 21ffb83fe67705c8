import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

const { url, pool } = await createDatabase({ after });
const queue = await startQueue({ url, queues: ['default'], applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());

test('a batch of more chunks than one statement sends has one message for each', async () => {
  const message = { batch: '00000000-0000-7000-8000-000000000001', generation: 1, attempt: 1 };
  const messages = Array.from({ length: 2001 }, (_, chunk) => ({ ...message, chunk }));
  await transaction(pool, (client) => queue.sendChunks(client, 'default', messages));
  const { rows } = await pool.query<{ chunk: number }>(
    `select (data ->> 'chunk')::int as chunk from pgboss.job order by chunk`,
  );
  assert.deepEqual(
    rows.map(({ chunk }) => chunk),
    messages.map(({ chunk }) => chunk),
  );
});
