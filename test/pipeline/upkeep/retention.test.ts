import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type pg from 'pg';
import { retain, startRetention } from '../../../src/pipeline/upkeep/retention.ts';
import { tryRetentionLock } from '../../../src/store/duty-locks.ts';
import { makePartitions, pastDays } from '../../../src/store/partitions.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { waitFor } from '../../support/wait.ts';

describe('Retention', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  before(async () => {
    database = await createDatabase();
    pool = database.pool;
  });
  after(() => database.drop());

  const retire = () => retain({ pool, log: silentPluginLog });

  /** A batch from this many days ago, with a chunk and a result, in a partition made for it. */
  async function storeBatch(
    daysAgo: number,
    options: { expiresInDays: number; state?: string },
  ): Promise<string> {
    await makeDay(daysAgo);
    const { rows } = await pool.query(
      `insert into batchwright.batch (id, tenant, key_id, total, state, succeeded, finished_at, expires_at, created_at)
       select batchwright.first_batch_id(clock_timestamp() - make_interval(days => $1)), 'default', 'admin', 1, $3::batchwright.batch_state, 1, now(),
         now() + make_interval(days => $2), now() - make_interval(days => $1) returning id`,
      [daysAgo, options.expiresInDays, options.state ?? 'completed'],
    );
    const { id } = rows[0];
    await pool.query(
      `insert into batchwright.chunk (batch_id, number, first_index, count, queues, jobs) values ($1, 0, 0, 1, '{default}', '[{}]')`,
      [id],
    );
    await pool.query(
      `insert into batchwright.result (batch_id, index, status, response, attempts, finished_at)
       values ($1, 0, 'succeeded', '1', 1, now())`,
      [id],
    );
    return id;
  }

  async function makeDay(daysAgo: number): Promise<void> {
    for (const table of ['chunk', 'result'])
      await pool.query(
        `do $$ declare day date := (now() at time zone 'UTC')::date - ${daysAgo};
         begin execute format('create table if not exists batchwright.${table}_%s partition of batchwright.${table} for values from (%L) to (%L)',
           to_char(day, 'YYYYMMDD'), batchwright.first_batch_id(day::timestamp at time zone 'UTC'),
           batchwright.first_batch_id((day + 1)::timestamp at time zone 'UTC')); end $$`,
      );
  }

  async function partitions(): Promise<string[]> {
    const { rows } = await pool.query(
      `select relname from pg_inherits join pg_class on oid = inhrelid
       where inhparent = 'batchwright.result'::regclass order by relname`,
    );
    return rows.map(({ relname }) => relname);
  }

  async function rowsOf(id: string): Promise<number[]> {
    const counts = ['batch where id', 'chunk where batch_id', 'result where batch_id'].map(async (table) => {
      const { rows } = await pool.query(`select count(*) as count from batchwright.${table} = $1`, [id]);
      return rows[0].count;
    });
    return Promise.all(counts);
  }

  test('the partitions of yesterday, today and three days ahead exist', async () => {
    assert.equal((await partitions()).length, 5);
    assert.equal(await makePartitions(pool), 0);
  });

  test('two processes that make the same partition at once both continue', async () => {
    const [last] = (await partitions()).slice(-1);
    for (const table of ['chunk', 'result'])
      await pool.query(`drop table batchwright.${table}_${last?.slice(-8)}`);
    const made = await Promise.all([makePartitions(pool), makePartitions(pool)]);
    assert.deepEqual(made.sort(), [0, 2]);
    assert.equal((await partitions()).length, 5);
  });

  test('a day whose batches have all expired is dropped with all their data', async () => {
    const id = await storeBatch(9, { expiresInDays: -1 });
    const before = await partitions();
    await retire();
    assert.deepEqual(await rowsOf(id), [0, 0, 0]);
    assert.equal((await partitions()).length, before.length - 1);
  });

  test('a day stays while one of its batches is kept, and loses those that expired two days ago', async () => {
    const kept = await storeBatch(8, { expiresInDays: 5 });
    const justExpired = await storeBatch(8, { expiresInDays: -1 });
    const longExpired = await storeBatch(8, { expiresInDays: -3 });
    await retire();
    assert.deepEqual(await rowsOf(kept), [1, 1, 1]);
    assert.deepEqual(await rowsOf(justExpired), [1, 1, 1]);
    assert.deepEqual(await rowsOf(longExpired), [0, 0, 0]);
  });

  test('a batch in flight is never dropped, at any age', async () => {
    const id = await storeBatch(30, { expiresInDays: -20, state: 'running' });
    await retire();
    assert.deepEqual(await rowsOf(id), [1, 1, 1]);
    await pool.query(`update batchwright.batch set state = 'completed' where id = $1`, [id]);
    await retire();
    assert.deepEqual(await rowsOf(id), [0, 0, 0]);
  });

  test('a day that is being read is dropped later, and no query waits', async () => {
    const id = await storeBatch(12, { expiresInDays: -1 });
    const reader = await pool.connect();
    await reader.query('begin');
    await reader.query('select * from batchwright.result where batch_id = $1', [id]);
    await retire();
    assert.deepEqual(await rowsOf(id), [1, 1, 1]);
    await reader.query('rollback');
    reader.release();
    await retire();
    assert.deepEqual(await rowsOf(id), [0, 0, 0]);
  });

  test('a round rejects when a day cannot be dropped for any other reason', async () => {
    const id = await storeBatch(13, { expiresInDays: -1 });
    await pool.query('alter table batchwright.job_progress rename to gone');
    try {
      await assert.rejects(retire(), /job_progress/);
    } finally {
      await pool.query('alter table batchwright.gone rename to job_progress');
    }
    assert.deepEqual(await rowsOf(id), [1, 1, 1]);
    await retire();
    assert.deepEqual(await rowsOf(id), [0, 0, 0]);
  });

  test('one round deletes all batches that expired two days ago', async () => {
    const kept = await storeBatch(8, { expiresInDays: 5 });
    const expired = [];
    for (let number = 0; number < 25; number++) expired.push(await storeBatch(8, { expiresInDays: -3 }));
    await retire();
    assert.deepEqual(await remaining([kept, ...expired]), [kept]);
  });

  test('a round that is stopped drops no further day and deletes no further batch', async () => {
    const expired = [
      await storeBatch(8, { expiresInDays: -3 }),
      await storeBatch(30, { expiresInDays: -20 }),
    ];
    const kept = await storeBatch(8, { expiresInDays: 5 });
    await retain({ pool, log: silentPluginLog }, () => true);
    assert.deepEqual(await remaining([kept, ...expired]), [kept, ...expired]);
    // Stopped after the days.
    let days = (await pastDays(pool)).length;
    await retain({ pool, log: silentPluginLog }, () => days-- <= 0);
    assert.deepEqual(await remaining([kept, ...expired]), [kept, ...expired.slice(0, 1)]);
    await retire();
    assert.deepEqual(await remaining([kept, ...expired]), [kept]);
  });

  test('a start runs a retention round at once', async (t) => {
    await storeBatch(8, { expiresInDays: 5 });
    const expired = await storeBatch(8, { expiresInDays: -3 });
    const retention = startRetention({ pool, log: silentPluginLog });
    t.after(() => retention.stop());
    await waitFor(async () => (await remaining([expired])).length === 0, { what: 'the batch to be deleted' });
  });

  test('a process does not delete while another one does', async () => {
    await storeBatch(8, { expiresInDays: 5 });
    const expired = [
      await storeBatch(8, { expiresInDays: -3 }),
      await storeBatch(30, { expiresInDays: -20 }),
    ];
    const other = await pool.connect();
    await other.query('begin');
    assert.ok(await tryRetentionLock(other));
    await retire();
    assert.deepEqual(await remaining(expired), expired);
    await other.query('rollback');
    other.release();
    await retire();
    assert.deepEqual(await remaining(expired), []);
  });

  async function remaining(ids: string[]): Promise<string[]> {
    const { rows } = await pool.query('select id from batchwright.batch where id = any($1) order by id', [
      ids,
    ]);
    return ids.filter((id) => rows.some((row) => row.id === id));
  }
});
