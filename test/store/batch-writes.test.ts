/** Writes of a batch, one test per statement: on one Postgres, or on the cluster of CITUS_URL. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import type pg from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { transaction } from '../../src/postgres/transaction.ts';
import {
  deleteExpired,
  findAnyBatch,
  lockTenantBatch,
  readMarks,
  reopen,
  requestCancel,
  shareMarks,
} from '../../src/store/batches.ts';
import { countChunks, incompleteChunks, loadChunk } from '../../src/store/chunks.ts';
import { trySweepLock } from '../../src/store/duty-locks.ts';
import { copyChunks, encodeChunk } from '../../src/store/new-chunks.ts';
import { recount } from '../../src/store/recount.ts';
import { deleteUnsuccessful } from '../../src/store/results.ts';
import { markRunning, settle } from '../../src/store/settle.ts';
import { settleBatches } from '../../src/store/settle-batches.ts';
import {
  findByIdempotencyKeys,
  insertBatches,
  lockIdempotencyKeys,
  newBatchIds,
} from '../../src/store/submission.ts';
import { onCluster } from '../support/cluster.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';
import { chunkOf, NO_OPTIONS, outcome, storeBatch, TENANT } from './stored-batch.ts';

let database: TestDatabase;
let pool: pg.Pool;
before(async () => {
  database = await createDatabase();
  pool = database.pool;
});
after(() => database.drop());

const settleAll = (id: string, ...outcomes: Parameters<typeof settle>[3]) =>
  transaction(pool, (client) => settle(client, id, 1, outcomes));

describe('A batch is stored', () => {
  test('a batch is stored with its chunk, unchanged', async () => {
    const id = await storeBatch(pool);
    const stored = await findAnyBatch(pool, id);
    assert.deepEqual([stored?.state, stored?.total, stored?.generation], ['queued', 3, 1]);
    const chunk = await loadChunk(pool, id, 0);
    assert.deepEqual(
      [chunk?.jobs, chunk?.recorded, chunk?.tenant],
      ['[{"n":0},{"n":1},{"n":2}]', [], TENANT],
    );
  });

  test('a batch is stored with chunks that are copied in', async (t) => {
    const { url } = database;
    const copyPool = createPool({ url, max: 1, applicationName: 'test copy', log: silentLog, forCopy: true });
    t.after(() => copyPool.end());
    const id = await transaction(copyPool, async (client) => {
      const [batchId = ''] = await newBatchIds(client, 1);
      const chunks = [chunkOf(2, { invalid: [1] }), chunkOf(2, { number: 1, firstIndex: 2 })];
      await copyChunks(client, batchId, await Promise.all(chunks.map(encodeChunk)));
      assert.equal(await countChunks(client, batchId), 2);
      const columns = { tenant: TENANT, keyId: 'admin', callbackUrl: null, options: NO_OPTIONS };
      const batch = { id: batchId, total: 4, actions: ['test.echo'], idempotency: null, retentionDays: 7 };
      await insertBatches(client, [{ ...batch, ...columns }]);
      return batchId;
    });
    const second = await loadChunk(pool, id, 1);
    assert.deepEqual([second?.firstIndex, second?.jobs], [2, '[{"n":2},{"n":3}]']);
    const [other, complete] = [await storeBatch(pool), await storeBatch(pool)];
    await transaction(pool, (client) =>
      settle(
        client,
        complete,
        1,
        [0, 1, 2].map((n) => outcome(n)),
      ),
    );
    const open = await incompleteChunks(pool, [id, other, complete]);
    assert.deepEqual(
      open.map(({ batchId, number, queues }) => [batchId, number, queues]),
      [
        [id, 0, ['default']],
        [id, 1, ['default']],
        [other, 0, ['default']],
      ],
    );
  });

  test('storing a batch together with a repeated settle changes nothing, not even a delivered callback', async () => {
    const id = await storeBatch(pool, { total: 1, callbackUrl: 'https://a.test/' });
    const first = await settleAll(id, outcome(0));
    assert.deepEqual([first?.inserted, first?.finished], [1, true]);
    await pool.query(`update batchwright.batch set callback_state = 'delivered' where id = $1`, [id]);
    const stored = await pool.query('select * from batchwright.batch where id = $1', [id]);
    const again = await settleAll(id, outcome(0));
    assert.deepEqual([again?.inserted, again?.finished], [0, false]);
    const { rows } = await pool.query('select * from batchwright.batch where id = $1', [id]);
    assert.equal(rows[0].callback_state, 'delivered');
    assert.deepEqual({ ...rows[0], settled_at: null }, { ...stored.rows[0], settled_at: null });
  });

  test('a batch is stored under an idempotency key, by which its tenant finds it again', async () => {
    const idempotency = { key: 'order 1', digest: Buffer.from('digest') };
    const id = await storeBatch(pool, { idempotency });
    const mine = { tenant: TENANT, key: 'order 1' };
    const ofAnother = { ...mine, tenant: 'another' };
    const found = await transaction(pool, (client) => findByIdempotencyKeys(client, [ofAnother, mine]));
    assert.deepEqual(found, [{ ...mine, batchId: id, digest: idempotency.digest }]);
  });

  test('a batch is stored under a key that no other transaction has locked', async () => {
    const one = { tenant: TENANT, key: 'order 2' };
    const two = { tenant: TENANT, key: 'order 3' };
    await transaction(pool, async (client) => {
      assert.deepEqual(await lockIdempotencyKeys(client, [two]), [true]);
      const others = await transaction(pool, (peer) => lockIdempotencyKeys(peer, [one, two]));
      assert.deepEqual(others, [true, false]);
    });
  });

  test('a batch is stored with refused jobs as failed, and has ended when there are no others', async () => {
    const id = await storeBatch(pool, { total: 2, invalid: [0, 1], callbackUrl: 'https://a.test/' });
    const counted = await transaction(pool, (client) => recount(client, id));
    assert.deepEqual([counted?.finished, counted?.state], [true, 'completed']);
    const ended = await findAnyBatch(pool, id);
    assert.deepEqual([ended?.failed, ended?.callbackState], [2, 'pending']);
    assert.ok(ended?.finishedAt);
  });
});

describe('A settle', () => {
  test('a settle counts results once, and the last one ends the batch', async () => {
    const id = await storeBatch(pool, { callbackUrl: 'https://a.test/' });
    await transaction(pool, (client) => markRunning(client, id, 1, 0));
    const first = await settleAll(id, outcome(0), outcome(1, 'failed'));
    assert.deepEqual([first?.inserted, first?.finished, first?.state], [2, false, 'running']);
    const again = await settleAll(id, outcome(1), outcome(0));
    assert.deepEqual([again?.inserted, again?.finished], [0, false]);
    const last = await settleAll(id, outcome(0), outcome(2));
    assert.deepEqual([last?.inserted, last?.finished, last?.state], [1, true, 'completed']);

    const ended = await findAnyBatch(pool, id);
    assert.deepEqual([ended?.succeeded, ended?.failed, ended?.cancelled], [2, 1, 0]);
    assert.equal(ended?.callbackState, 'pending');
    assert.ok(ended.startedAt && ended.finishedAt && ended.startedAt <= ended.finishedAt);
  });

  test('the times of a batch come from its earliest start and its latest settle, in any order of commits', {
    skip: onCluster() && 'the lock is on a node',
  }, async () => {
    const id = await storeBatch(pool, { total: 2 });
    await markRunning(pool, id, 1, 0);
    const other = await pool.connect();
    await other.query('begin');
    await other.query('select from batchwright.batch where id = $1 for update', [id]);
    const last = settleAll(id, outcome(0));
    await waitFor(
      async () => {
        const { rows } = await pool.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      },
      { what: 'the settle to wait for the batch' },
    );
    await settle(other, id, 1, [outcome(1)]);
    await other.query('commit');
    other.release();
    assert.equal((await last)?.finished, true);
    const { rows } = await pool.query(
      `select batch.started_at <= min(result.started_at) as "startsFirst",
         batch.finished_at >= max(result.finished_at) as "endsLast"
       from batchwright.batch join batchwright.result on batch_id = id where id = $1 group by id`,
      [id],
    );
    assert.deepEqual(rows, [{ startsFirst: true, endsLast: true }]);
  });

  test('a settle that expects no results fails when there are some, and leaves nothing', async () => {
    const id = await storeBatch(pool);
    await settleAll(id, outcome(0));
    const repeated = transaction(pool, (client) =>
      settle(client, id, 1, [outcome(1), outcome(0)], { expectNew: true }),
    );
    await assert.rejects(repeated, { code: '23505' });
    assert.equal((await findAnyBatch(pool, id))?.succeeded, 1);
    const fresh = await transaction(pool, (client) =>
      settle(client, id, 1, [outcome(1), outcome(2)], { expectNew: true }),
    );
    assert.equal(fresh?.finished, true);
  });

  test('a settle stores text that jsonb would refuse', async () => {
    const id = await storeBatch(pool, { total: 1 });
    assert.equal((await settleAll(id, outcome(0, 'succeeded', '"\\u0000\\ud800"')))?.finished, true);
  });

  test('a settle of another generation finds no batch', async () => {
    const id = await storeBatch(pool);
    assert.equal(await transaction(pool, (client) => settle(client, id, 2, [outcome(0)])), null);
  });

  test('concurrent settles count every result', async () => {
    const total = 40;
    const id = await storeBatch(pool, { total });
    const answers = await Promise.all(Array.from({ length: total }, (_, n) => settleAll(id, outcome(n))));
    assert.equal(answers.filter((answer) => answer?.finished).length, 1);
    assert.equal((await findAnyBatch(pool, id))?.succeeded, total);
  });
});

describe('A batch that is cancelled', () => {
  test('too many failures stop the batches of a shared settle that have the option, and no others', {
    skip: onCluster() && 'a cluster settles each batch alone',
  }, async () => {
    const ids = [await storeBatch(pool), await storeBatch(pool)];
    await pool.query('update batchwright.batch set stop_failed = 1 where id = $1', [ids[0]]);
    const failed = { ...outcome(0), status: 'failed' as const };
    const answers = await transaction(pool, (client) =>
      settleBatches(
        client,
        ids.map((batchId, at) => ({ batchId, generation: 1, outcomes: [failed], stops: at === 0 })),
      ),
    );
    const cancelRequested = new Map(answers.map((answer) => [answer.batchId, answer.cancelRequested]));
    assert.deepEqual(
      ids.map((id) => cancelRequested.get(id)),
      [true, false],
    );
  });

  test('a cancelled batch reports the cancel to every settle, and ends as cancelled', async () => {
    const id = await storeBatch(pool, { total: 2 });
    assert.equal((await readMarks(pool, id)).cancelRequested, false);
    assert.equal(await transaction(pool, (client) => requestCancel(client, id)), true);
    assert.equal((await readMarks(pool, id)).cancelRequested, true);
    assert.equal((await transaction(pool, (client) => shareMarks(client, id))).cancelRequested, true);
    const settled = await settleAll(id, outcome(0), outcome(1, 'cancelled', 'null'));
    assert.deepEqual([settled?.cancelRequested, settled?.state], [true, 'cancelled']);
    assert.equal(await transaction(pool, (client) => requestCancel(client, id)), false);
  });
});

describe('A restart', () => {
  test('a restart deletes unsuccessful results, except refused jobs, and reopens the batch', async () => {
    const id = await storeBatch(pool, { total: 4, invalid: [3] });
    await transaction(pool, (client) => recount(client, id));
    await settleAll(id, outcome(0), outcome(1, 'failed'), outcome(2, 'cancelled', 'null'));
    const generation = await transaction(pool, async (client) => {
      assert.equal((await lockTenantBatch(client, TENANT, id))?.state, 'completed');
      const removed = await deleteUnsuccessful(client, id);
      assert.deepEqual(removed, { failed: 1, cancelled: 1, skipped: 0 });
      return reopen(client, id, removed);
    });
    assert.equal(generation, 2);
    const open = await findAnyBatch(pool, id);
    assert.deepEqual([open?.state, open?.succeeded, open?.failed, open?.cancelled], ['queued', 1, 1, 0]);
    assert.deepEqual((await loadChunk(pool, id, 0))?.recorded, [0, 3]);
  });
});

describe('A restart of selected jobs', () => {
  // Operators of json fail for the last two responses.
  const error = (code: number, message = 'no') => JSON.stringify({ errorCode: code, message });
  const stored = async () => {
    const id = await storeBatch(pool, { total: 6 });
    await settleAll(
      id,
      outcome(0),
      outcome(1, 'failed', error(503)),
      outcome(2, 'failed', error(404, '{"errorCode":503,')),
      outcome(3, 'cancelled', 'null'),
      outcome(4, 'cancelled', error(503, '\0')),
      outcome(5, 'failed', error(503, '\ud800')),
    );
    return id;
  };
  for (const [selection, removed, recorded] of [
    [{ errorCode: 503 }, { failed: 2, cancelled: 1, skipped: 0 }, [0, 2, 3]],
    [{ statuses: ['cancelled'] }, { failed: 0, cancelled: 2, skipped: 0 }, [0, 1, 2, 5]],
    [
      { statuses: ['failed', 'skipped'], errorCode: 503 },
      { failed: 2, cancelled: 0, skipped: 0 },
      [0, 2, 3, 4],
    ],
    [{ statuses: [] }, { failed: 0, cancelled: 0, skipped: 0 }, [0, 1, 2, 3, 4, 5]],
    [{ indexes: Buffer.from([0b010101]) }, { failed: 1, cancelled: 1, skipped: 0 }, [0, 1, 3, 5]],
    [{ indexes: Buffer.alloc(1) }, { failed: 0, cancelled: 0, skipped: 0 }, [0, 1, 2, 3, 4, 5]],
    [{ indexes: Buffer.alloc(0) }, { failed: 0, cancelled: 0, skipped: 0 }, [0, 1, 2, 3, 4, 5]],
  ] as const)
    test(`a restart deletes the results that ${inspect(selection)} selects`, async () => {
      const id = await stored();
      assert.deepEqual(
        await transaction(pool, (client) => deleteUnsuccessful(client, id, selection)),
        removed,
      );
      assert.deepEqual((await loadChunk(pool, id, 0))?.recorded, recorded);
    });
});

test('wrong counters are corrected from the results', async () => {
  const id = await storeBatch(pool);
  await settleAll(id, outcome(0), outcome(1, 'failed'));
  await pool.query('update batchwright.batch set succeeded = 0, failed = 0 where id = $1', [id]);
  const counted = await transaction(pool, (client) => recount(client, id));
  assert.deepEqual([counted?.inserted, counted?.finished, counted?.state], [2, false, 'running']);
});

test('one process at a time sweeps', async () => {
  await transaction(pool, async (client) => {
    assert.equal(await trySweepLock(client), true);
    assert.equal(await transaction(pool, trySweepLock), false);
  });
  assert.equal(await transaction(pool, trySweepLock), true);
});

test('a batch that expired two days ago is deleted with all its data, and nothing else', async () => {
  const [gone = '', kept = ''] = [await storeBatch(pool, { total: 1 }), await storeBatch(pool, { total: 1 })];
  for (const id of [gone, kept]) await settleAll(id, outcome(0));
  await pool.query(`update batchwright.batch set expires_at = now() - interval '3 days' where id = $1`, [
    gone,
  ]);
  assert.equal(await transaction(pool, (client) => deleteExpired(client, 10)), 1);
  assert.equal(await transaction(pool, (client) => deleteExpired(client, 10)), 0);
  const { rows } = await pool.query('select batch_id from batchwright.result where batch_id = any($1)', [
    [gone, kept],
  ]);
  assert.deepEqual(rows, [{ batch_id: kept }]);
  assert.equal(await findAnyBatch(pool, gone), null);
});
