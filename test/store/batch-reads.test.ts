/** Reads of a batch and its callback: on one Postgres, or on the cluster of CITUS_URL. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type pg from 'pg';
import { transaction } from '../../src/postgres/transaction.ts';
import { batchesWithProgress, findLiveBatch, listBatches } from '../../src/store/batch-list.ts';
import {
  type BatchWalk,
  endedAmong,
  findTenantBatch,
  pendingCallbacks,
  unfinishedBatches,
} from '../../src/store/batches.ts';
import { encodeJobs } from '../../src/store/chunk-body.ts';
import {
  callbackBatches,
  countAttempt,
  countDeliveries,
  insertDelivery,
  listDeliveries,
  markReposted,
} from '../../src/store/deliveries.ts';
import { clearProgress, reportProgress, runningJobs } from '../../src/store/job-progress.ts';
import {
  decodeSmallResults,
  type ResultPage,
  resultPage,
  smallResults,
} from '../../src/store/result-pages.ts';
import { nthResultIndex, resultAt } from '../../src/store/results.ts';
import { settle } from '../../src/store/settle.ts';
import { onCluster } from '../support/cluster.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { outcome, storeBatch, TENANT } from './stored-batch.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';

let database: TestDatabase;
let pool: pg.Pool;
before(async () => {
  database = await createDatabase();
  pool = database.pool;
});
after(() => database.drop());

async function endedBatch(batch: Parameters<typeof storeBatch>[1] & { total: number }): Promise<string> {
  const id = await storeBatch(pool, batch);
  const outcomes = Array.from({ length: batch.total }, (_, n) =>
    outcome(n, n % 2 === 0 ? 'succeeded' : 'failed'),
  );
  await transaction(pool, (client) => settle(client, id, 1, outcomes));
  return id;
}

describe('A batch', () => {
  test('a batch is visible only to its tenant', async () => {
    const id = await storeBatch(pool, { tenant: 'of-one' });
    assert.equal((await findTenantBatch(pool, 'of-one', id))?.id, id);
    assert.equal(await findTenantBatch(pool, 'of-another', id), null);
    assert.equal(await findLiveBatch(pool, 'of-another', id), null);
  });

  test('a batch is listed with others, youngest first, by page and by state', async () => {
    const tenant = 'who-lists';
    const ids = [];
    for (let n = 0; n < 4; n++) ids.unshift(await storeBatch(pool, { tenant }));
    const ended = await endedBatch({ tenant, total: 2 });
    const list = async (page: object) => (await listBatches(pool, tenant, { limit: 3, ...page })).rows;
    const [first, ...rest] = await list({});
    assert.deepEqual([first?.id, ...rest.map(({ id }) => id)], [ended, ids[0], ids[1]]);
    const next = await list({ before: ids[1] });
    assert.deepEqual(
      next.map(({ id }) => id),
      [ids[2], ids[3]],
    );
    const completed = await list({ state: 'completed' });
    assert.deepEqual(
      completed.map(({ id }) => id),
      [ended],
    );
    assert.equal((await batchesWithProgress(pool, [...ids, ended])).length, 5);
    assert.deepEqual(await endedAmong(pool, [...ids, ended]), [ended]);
  });

  test('an expired batch is found until it has ended', async () => {
    const expire = (id: string) =>
      pool.query('update batchwright.batch set expires_at = now() where id = $1', [id]);
    const queued = await storeBatch(pool);
    await expire(queued);
    assert.equal((await findTenantBatch(pool, TENANT, queued))?.id, queued);
    const ended = await endedBatch({ total: 2 });
    await expire(ended);
    assert.equal(await findTenantBatch(pool, TENANT, ended), null);
  });

  test('a batch shows its running jobs and their progress, until they have their results', async () => {
    const id = await storeBatch(pool);
    await reportProgress(pool, id, [
      { index: 0, done: null, total: null },
      { index: 1, done: 1, total: 4 },
    ]);
    await reportProgress(pool, id, [{ index: 1, done: 2, total: 4 }]);
    assert.deepEqual(await runningJobs(pool, id), { running: 2, fractions: 0.5 });
    const live = await findLiveBatch(pool, TENANT, id);
    assert.deepEqual([live?.running, live?.fractions], [2, 0.5]);
    assert.deepEqual(JSON.parse(live?.active ?? ''), [{ index: 1, done: 2, total: 4 }]);

    await transaction(pool, (client) => settle(client, id, 1, [outcome(1)]));
    assert.deepEqual(await runningJobs(pool, id), { running: 1, fractions: 0 });
    await clearProgress(pool, id, [0, 1]);
    assert.deepEqual(await runningJobs(pool, id), { running: 0, fractions: 0 });
  });

  test('the sweep finds a batch that has not ended after a while', async () => {
    const [open, ended] = [await storeBatch(pool), await endedBatch({ total: 1 })];
    const later = await storeBatch(pool);
    const walk = { after: FIRST, limit: 1000, minAgeSeconds: 0 };
    const find = (more: Partial<BatchWalk> = {}) =>
      transaction(pool, (client) => unfinishedBatches(client, { ...walk, ...more }));
    const ids = await find();
    assert.deepEqual([ids.includes(open), ids.includes(ended), ids.includes(later)], [true, false, true]);
    assert.deepEqual(ids, ids.toSorted());
    assert.deepEqual(await find({ after: open }), [later]);
    assert.deepEqual(await find({ limit: 1 }), ids.slice(0, 1));
    assert.deepEqual(await find({ minAgeSeconds: 3600 }), []);
  });
});

describe('Results', () => {
  const indexes = (page: ResultPage | null) => page?.rows.map(({ index }) => index);

  test('results are read in request order, by number and by size', async () => {
    const id = await endedBatch({ total: 6 });
    const page = (fromIndex: number, limit: number, maxBytes = 1000, knownChunk = -1) =>
      resultPage(pool, id, { fromIndex, limit, maxBytes, knownChunk });
    assert.deepEqual(indexes(await page(0, 4)), [0, 1, 2, 3]);
    const last = await page(4, 4);
    assert.deepEqual(
      [indexes(last), last?.responses, last?.rows[0]?.status, last?.rows[0]?.attempts],
      [[4, 5], '[{"n":4},{"n":5}]', 'succeeded', 1],
    );
    assert.deepEqual(indexes(await page(0, 4, 8)), [0, 1]);
    assert.equal(await page(6, 4), null);
  });

  test('results come with their chunk, whose jobs are sent once, and with the state of their batch', async () => {
    const id = await endedBatch({ total: 3 });
    const page = { fromIndex: 1, limit: 9, maxBytes: 1000 };
    const first = await resultPage(pool, id, { ...page, knownChunk: -1 });
    assert.deepEqual([first?.chunk, first?.firstIndex, first?.total, first?.generation], [0, 0, 3, 1]);
    assert.equal(JSON.parse(first?.jobs ?? '').length, 3);
    const known = await resultPage(pool, id, { ...page, knownChunk: 0 });
    assert.deepEqual([known?.jobs, indexes(known)], [null, [1, 2]]);
  });

  test('results have their times to the millisecond, and no start for a job that never ran', async () => {
    const id = await endedBatch({ total: 3 });
    const times = [
      '2026-03-01 12:00:00.123456+00',
      '2026-03-01 12:00:00.999999+00',
      '1999-12-31 23:59:59.001+00',
    ];
    for (const [index, time] of times.entries())
      await pool.query(
        `update batchwright.result set started_at = $3, finished_at = $4 where batch_id = $1 and index = $2`,
        [id, index, index === 1 ? null : time, time],
      );
    const page = await resultPage(pool, id, { fromIndex: 0, limit: 9, maxBytes: 1000, knownChunk: -1 });
    const [a, b, c] = times.map((time) => Math.floor(Date.parse(`${time.slice(0, 23).replace(' ', 'T')}Z`)));
    assert.deepEqual(
      page?.rows.map(({ startedAt, finishedAt }) => [startedAt, finishedAt]),
      [
        [a, a],
        [null, b],
        [c, c],
      ],
    );
  });

  test('results without their chunk are read up to the next chunk, or to the end', async () => {
    const id = await endedBatch({ total: 1 });
    await pool.query('delete from batchwright.chunk where batch_id = $1', [id]);
    const page = { fromIndex: 0, limit: 9, maxBytes: 1000, knownChunk: -1 };
    const read = await resultPage(pool, id, page);
    assert.deepEqual([read?.chunk, read?.firstIndex, read?.jobs, read?.rows.length], [null, null, null, 1]);
    assert.deepEqual(await resultAt(pool, id, 0), { status: 'succeeded', response: '{"n":0}' });
    assert.equal(await resultAt(pool, id, 1), null);
  });

  test('results of one status are found by their number', async () => {
    const id = await endedBatch({ total: 6 });
    assert.equal(await nthResultIndex(pool, id, { status: 'failed' }, 2), 5);
    assert.equal(await nthResultIndex(pool, id, { status: 'failed' }, 3), null);
    const failed = await resultPage(pool, id, {
      fromIndex: 2,
      limit: 9,
      maxBytes: 1000,
      knownChunk: -1,
      filter: { status: 'failed' },
    });
    assert.deepEqual(indexes(failed), [3, 5]);
  });
});

describe('A callback', () => {
  const attempt = { generation: 1, trigger: 'completion', durationMs: 5, error: null };

  test('a callback has its attempts counted and logged, first to last', async () => {
    const id = await endedBatch({ total: 1, callbackUrl: 'https://a.test/' });
    const walk = { after: FIRST, limit: 1000, minAgeSeconds: 0 };
    const due = await transaction(pool, (client) => pendingCallbacks(client, walk));
    assert.ok(due.some((callback) => callback.id === id && callback.generation === 1));
    await transaction(pool, async (client) => {
      assert.equal(await countAttempt(client, { batch: id, generation: 1 }, 'pending'), true);
      await insertDelivery(client, { ...attempt, batchId: id, status: 500, nextInSeconds: 5 });
    });
    await transaction(pool, async (client) => {
      assert.equal(await countAttempt(client, { batch: id, generation: 1 }, 'delivered'), true);
      await insertDelivery(client, { ...attempt, batchId: id, status: 200, nextInSeconds: null });
    });
    const logged = await listDeliveries(pool, id);
    const count = (generation: number, since: Date | null) =>
      transaction(pool, (client) => countDeliveries(client, { id, generation }, since));
    const since = new Date(Date.now() - 3_600_000);
    const later = new Date(Date.now() + 3_600_000);
    assert.deepEqual([await count(1, null), await count(1, since), await count(1, later)], [2, 2, 0]);
    assert.equal(await count(2, null), 0);
    assert.deepEqual(
      logged.map(({ number, status }) => [number, status]),
      [
        [1, 500],
        [2, 200],
      ],
    );
    const [first, second] = logged;
    assert.ok(first?.nextAttemptAt && second?.nextAttemptAt === null);
    assert.equal(
      first.nextAttemptAt.getTime() - first.attemptedAt.getTime(),
      5005,
      'from the start of the attempt',
    );
    const batch = await findTenantBatch(pool, TENANT, id);
    assert.deepEqual([batch?.callbackState, batch?.callbackAttempts], ['delivered', 2]);
  });

  test('a delivered callback stays delivered, until it is requested again', async () => {
    const id = await endedBatch({ total: 1, callbackUrl: 'https://a.test/' });
    const state = async () => (await findTenantBatch(pool, TENANT, id))?.callbackState;
    for (const next of ['delivered', 'failed'] as const)
      await transaction(pool, (client) => countAttempt(client, { batch: id, generation: 1 }, next));
    assert.equal(await state(), 'delivered');
    await transaction(pool, (client) => markReposted(client, id));
    assert.equal(await state(), 'pending');
  });

  test('the results of small batches are read together, without those of any other batch', {
    skip: onCluster() && 'a cluster cannot: each is read alone there',
  }, async () => {
    const small = await endedBatch({ total: 3 });
    const many = await endedBatch({ total: 5 });
    const bulky = await storeBatch(pool, { total: 1 });
    await transaction(pool, (client) =>
      settle(client, bulky, 1, [outcome(0, 'succeeded', JSON.stringify('x'.repeat(2000)))]),
    );
    const unfinished = await storeBatch(pool, { total: 3 });
    await transaction(pool, (client) => settle(client, unfinished, 1, [outcome(1)]));
    const undecodable = await endedBatch({ total: 1 });
    await pool.query(`update batchwright.chunk set body = '\\xff' where batch_id = $1`, [undecodable]);
    const compressed = await endedBatch({ total: 1 });
    const body = await encodeJobs([Buffer.from(JSON.stringify({ n: 'x'.repeat(100_000) }))]);
    assert.ok(body.length < 1000);
    await pool.query('update batchwright.chunk set body = $2 where batch_id = $1', [compressed, body]);
    const ids = [many, bulky, FIRST, small, unfinished, undecodable, compressed];
    const limits = { jobs: 4, bytes: 1000 };
    const rows = await transaction(pool, (client) => smallResults(client, ids, limits));
    const pages = await decodeSmallResults(rows, limits);
    const page = await resultPage(pool, small, { fromIndex: 0, limit: 9, maxBytes: 1000, knownChunk: -1 });
    assert.equal(page?.rows.length, 3);
    assert.deepEqual(
      ids.map((_, at) => pages[at]),
      ids.map((id) => (id === small ? page : undefined)),
    );
  });

  test('a callback of an older generation counts nothing', async () => {
    const id = await endedBatch({ total: 1 });
    const counted = await transaction(pool, (client) =>
      countAttempt(client, { batch: id, generation: 2 }, 'delivered'),
    );
    assert.equal(counted, false);
  });

  test('a callback is signed with the database’s time', async () => {
    const id = await endedBatch({ total: 1 });
    const { rows } = await pool.query('select floor(extract(epoch from now()))::int8 as seconds');
    const [batch] = await callbackBatches(pool, [id]);
    assert.deepEqual([batch?.id, batch?.generation], [id, 1]);
    assert.ok(Math.abs((batch?.signingTime ?? 0) - rows[0].seconds) <= 1);
    assert.deepEqual(await callbackBatches(pool, ['01900000-0000-7000-8000-000000000000']), [undefined]);
  });
});
