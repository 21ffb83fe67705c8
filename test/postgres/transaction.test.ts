import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type pg from 'pg';
import { createClient } from '../../src/postgres/connection.ts';
import { isDatabaseUnavailable, isLockTimeout } from '../../src/postgres/errors.ts';
import { createPool } from '../../src/postgres/pools.ts';
import { type TransactionLimits, transaction } from '../../src/postgres/transaction.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const { url } = await createDatabase({ after });

test('a transaction commits the writes of its work and returns its value', async (t) => {
  const pool = await poolWithTable(t);
  assert.equal(await transaction(pool, (client) => insert(client, 1).then(() => 'done')), 'done');
  assert.deepEqual(await stored(pool), [1]);
});

test('a transaction whose work throws leaves nothing and throws the same error', async (t) => {
  const pool = await poolWithTable(t);
  const error = new Error('no');
  const failing = transaction(pool, async (client) => {
    await insert(client, 1);
    throw error;
  });
  await assert.rejects(failing, error);
  assert.deepEqual(await stored(pool), []);
});

test('a transaction whose work hides a failed statement throws', async (t) => {
  const pool = await poolWithTable(t);
  const hiding = transaction(pool, async (client) => {
    await insert(client, 1);
    await client.query('select 1/0').catch(() => undefined);
  });
  await assert.rejects(hiding, /rolled back/);
  assert.deepEqual(await stored(pool), []);
});

test('a connection lost in a transaction does not return to the pool', async (t) => {
  const pool = await poolWithTable(t);
  const cut = transaction(pool, async (client) => {
    await insert(client, 1);
    await client.query('select pg_terminate_backend(pg_backend_pid())');
  });
  await assert.rejects(cut);
  assert.deepEqual(await stored(pool), []);
  assert.equal(pool.totalCount, 1);
});

test('the server ends a transaction that its process leaves idle, and frees its locks', async (t) => {
  const pool = await poolWithTable(t);
  await pool.query('insert into entry values (1)');
  const gate = Promise.withResolvers<void>();
  const idle = transaction(
    pool,
    async (client) => {
      await client.query('update entry set n = 2');
      await gate.promise;
    },
    { idleSeconds: 1 },
  );
  const other = createPool({ url, max: 1, applicationName: 'other', log: silentLog });
  t.after(() => other.end());
  await waitFor(async () => (await openTransactions(other)) === 1, { what: 'the transaction to be idle' });
  await other.query('update entry set n = 3');
  gate.resolve();
  await assert.rejects(idle, isDatabaseUnavailable);
  assert.deepEqual(await stored(pool), [3]);
});

test('a statement that waits too long for a lock fails', async (t) => {
  const pool = await poolWithTable(t);
  const holder = await lockedTable(t);
  const waiting = transaction(pool, (client) => insert(client, 1), { lockSeconds: 0.1 });
  await assert.rejects(waiting, isLockTimeout);
  await holder.query('rollback');
  assert.deepEqual(await stored(pool), []);
});

test('a transaction that gets no lock is repeated up to its number of attempts', async (t) => {
  const pool = await poolWithTable(t);
  const holder = await lockedTable(t);
  const attempts: number[] = [];
  const result = await transaction(
    pool,
    async (client) => {
      if (attempts.push(attempts.length) === 2) await holder.query('rollback');
      await insert(client, attempts.length);
      return 'done';
    },
    { lockSeconds: 0.1, attempts: 2 },
  );
  assert.deepEqual([result, attempts.length, await stored(pool)], ['done', 2, [2]]);
});

test('an error other than a conflict with another transaction is not repeated', async (t) => {
  const pool = await poolWithTable(t);
  let runs = 0;
  const failing = transaction(
    pool,
    async (client) => {
      runs++;
      await client.query('select 1/0');
    },
    { attempts: 3 },
  );
  await assert.rejects(failing, /division by zero/);
  assert.equal(runs, 1);
});

test('every transaction has limits, and the session has none of them afterwards', async (t) => {
  const pool = await poolWithTable(t);
  const read = async (client: Pick<pg.ClientBase, 'query'>) => {
    const { rows } =
      await client.query(`select current_setting('idle_in_transaction_session_timeout') as idle,
      current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`);
    return rows[0];
  };
  assert.deepEqual(await transaction(pool, read), { idle: '12s', lock: '6s', statement: '0' });
  assert.deepEqual(await transaction(pool, read, { idleSeconds: 60, lockSeconds: 0, statementSeconds: 5 }), {
    idle: '1min',
    lock: '0',
    statement: '5s',
  });
  assert.deepEqual(await read(pool), { idle: '0', lock: '0', statement: '0' });
});

test('a named statement of a transaction uses an index although its table was small when it was planned', async (t) => {
  const pool = await poolWithTable(t);
  await pool.query('create index entry_n on entry (n); insert into entry values (1); analyze entry');
  const planOf = async (limits?: TransactionLimits): Promise<string> => {
    const name = `small-${limits?.byIndex}`;
    return transaction(
      pool,
      async (client) => {
        const find = { name, text: 'select from entry where n = any($1::int[])', values: ['{1,2,3}'] };
        // Postgres keeps a plan from the sixth run on.
        for (let run = 0; run < 6; run++) await client.query(find);
        const { rows } = await client.query(`explain (costs off) execute "${name}" ('{1,2,3}')`);
        return JSON.stringify(rows);
      },
      limits,
    );
  };
  assert.match(await planOf(), /Index/);
  assert.match(await planOf({ byIndex: false }), /Seq Scan/, 'a plugin’s statement');
});

/** A connection whose transaction has locked the table; the caller must end it. */
async function lockedTable(t: TestContext): Promise<pg.Client> {
  const holder = createClient({ url, applicationName: 'holder' });
  await holder.connect();
  t.after(() => holder.end());
  await holder.query('begin');
  await holder.query('lock table entry');
  return holder;
}

/** Transactions whose process is currently idle. */
async function openTransactions(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `select count(*) as open from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction'`,
  );
  return rows[0].open;
}

/** A pool of one connection, so that anything left on it by a transaction would show. */
async function poolWithTable(t: TestContext): Promise<pg.Pool> {
  const pool = createPool({ url, max: 1, applicationName: 'test', log: silentLog });
  t.after(() => pool.end());
  await pool.query('drop table if exists entry; create table entry (n int)');
  return pool;
}

function insert(client: pg.ClientBase, n: number): Promise<unknown> {
  return client.query('insert into entry values ($1)', [n]);
}

async function stored(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query('select n from entry order by n');
  return rows.map(({ n }) => n);
}
