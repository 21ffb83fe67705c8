import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import {
  deleteOldWaiting,
  reportWaiting,
  waitingInHand,
  waitingInHandByBucket,
} from '../../src/store/bucket-waiting.ts';
import { createDatabase } from '../support/database.ts';

const { pool } = await createDatabase({ after });
const [one, other] = [randomUUID(), randomUUID()];
const [batch, late] = [randomUUID(), randomUUID()];

test('a report replaces the one before of its process, and those of several processes are added', async () => {
  await reportWaiting(pool, one, [
    { batch, bucket: 'a', tenant: 'x', jobs: 5 },
    { batch: late, bucket: 'b', tenant: 'y', jobs: 1 },
  ]);
  await reportWaiting(pool, other, [{ batch, bucket: 'a', tenant: 'x', jobs: 2 }]);
  assert.deepEqual(await waitingInHand(pool, [batch]), [{ batch, bucket: 'a', jobs: 7 }]);
  assert.deepEqual(await waitingInHandByBucket(pool, 'y'), [{ bucket: 'b', jobs: 1 }]);
  await reportWaiting(pool, one, [{ batch, bucket: 'a', tenant: 'x', jobs: 4 }]);
  assert.deepEqual(await waitingInHandByBucket(pool, null), [{ bucket: 'a', jobs: 6 }]);
});

test('the report of a process that is gone no longer counts, and is deleted', async () => {
  await pool.query(`update batchwright.bucket_waiting set expires_at = now() where holder = $1`, [other]);
  assert.deepEqual(await waitingInHand(pool, [batch]), [{ batch, bucket: 'a', jobs: 4 }]);
  await deleteOldWaiting(pool);
  const { rows } = await pool.query('select distinct holder from batchwright.bucket_waiting');
  assert.deepEqual(rows, [{ holder: one }]);
});
