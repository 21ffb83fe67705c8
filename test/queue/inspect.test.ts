import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { makeDueNow } from '../../src/queue/inspect.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

const { url, pool } = await createDatabase({ after });
const queues = ['default', 'slow'];
const queue = await startQueue({ url, queues, applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());

test('the delayed messages of one batch become due, in every queue, and those of others do not change', async () => {
  const [mine = '', other = ''] = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
  await transaction(pool, async (client) => {
    for (const batch of [mine, other])
      for (const name of queues) {
        const message = { batch, action: 'test.echo', chunk: 0, generation: 1, attempt: 2 };
        await queue.sendChunks(client, name, [message], { delaySeconds: 3600 });
      }
    await makeDueNow(client, queues, mine);
  });
  const { rows } = await pool.query<{ batch: string; due: boolean; action: string | null }>(
    `select group_id as batch, start_after <= now() as due, data ->> 'action' as action
     from pgboss.job order by batch, name`,
  );
  assert.deepEqual(rows, [
    { batch: mine, due: true, action: null },
    { batch: mine, due: true, action: null },
    { batch: other, due: false, action: 'test.echo' },
    { batch: other, due: false, action: 'test.echo' },
  ]);
});
