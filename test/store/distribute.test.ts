import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type pg from 'pg';
import { transaction } from '../../src/postgres/transaction.ts';
import {
  citusState,
  connectedProcesses,
  distributedTables,
  distributeTables,
} from '../../src/store/distribute.ts';
import { makePartitions } from '../../src/store/partitions.ts';
import { onCluster } from '../support/cluster.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { withClient } from '../support/server.ts';

let database: TestDatabase;
let pool: pg.Pool;
before(async () => {
  database = await createDatabase();
  pool = database.pool;
});
after(() => database.drop());

test('a Postgres that is not a cluster is recognised', { skip: onCluster() }, async () => {
  assert.equal(await transaction(pool, citusState), 'missing');
});

test('processes that use the database are named once, without those that only wait to start', async () => {
  const named = (name: string, work: () => Promise<void>) =>
    withClient(`${database.url}?application_name=batchwright%20${name}`, work);
  const processes = () => transaction(pool, connectedProcesses);
  await named('worker', () =>
    named('worker', () =>
      named('migrate', async () => assert.deepEqual(await processes(), ['batchwright worker'])),
    ),
  );
});

describe('On a cluster', { skip: !onCluster() && 'CITUS_URL is not set' }, () => {
  test('on a cluster all data of a batch is distributed by its id', async () => {
    assert.equal(await transaction(pool, citusState), 'created');
    const tables = await transaction(pool, distributedTables);
    assert.deepEqual(
      tables.map(({ name, column }) => `${name} ${column}`),
      [
        'batchwright.batch id',
        'batchwright.chunk batch_id',
        'batchwright.result batch_id',
        'batchwright.job_progress batch_id',
        'batchwright.delivery batch_id',
        'batchwright.plan batch_id',
        'batchwright.plan_chunk batch_id',
        'batchwright.plan_group batch_id',
        'batchwright.plan_note batch_id',
        'batchwright.bound_params batch_id',
      ],
    );
    const { rows } = await pool.query('select distinct colocation_id from citus_tables');
    assert.equal(rows.length, 1);
  });

  test('on a cluster no table is distributed twice', async () => {
    assert.deepEqual(await transaction(pool, distributeTables), []);
  });

  test('on a cluster every table with a batch’s id is distributed, unless it is read for many batches at once', async () => {
    const { rows } = await pool.query(
      `select table_name from information_schema.columns
       where table_schema = 'batchwright' and column_name = 'batch_id'
         and not exists (select from pg_dist_partition where logicalrelid = format('batchwright.%I', table_name)::regclass)
       order by table_name`,
    );
    // Requests that are not yet batches, and figures of processes.
    assert.deepEqual(
      rows.map(({ table_name }) => table_name),
      ['bucket_waiting', 'upload'],
    );
  });

  test('on a cluster the partitions of later days are distributed when they are made', async () => {
    await pool.query(
      `do $$ declare last text := to_char(now() at time zone 'UTC' + interval '3 days', 'YYYYMMDD');
       begin execute format('drop table batchwright.chunk_%s, batchwright.result_%s', last, last); end $$`,
    );
    const partitions = `select count(*)::int as count from citus_tables where table_name::text ~ '_\\d{8}$'`;
    const { rows: before } = await pool.query(partitions);
    assert.equal(await makePartitions(pool), 2);
    const { rows } = await pool.query(partitions);
    assert.deepEqual([before[0].count, rows[0].count], [8, 10]);
  });
});
