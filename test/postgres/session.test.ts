import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import type pg from 'pg';
import { isCancelled } from '../../src/postgres/errors.ts';
import { createPool } from '../../src/postgres/pools.ts';
import { handBack, openSession, queryWithin } from '../../src/postgres/session.ts';
import { createDatabase } from '../support/database.ts';
import { ENDLESS } from '../support/endless.ts';
import { silentLog } from '../support/silent-log.ts';

const { url } = await createDatabase({ after });

/** A pooler in between reports process numbers of its own. */
const SHARED = async (client: pg.ClientBase) => {
  Object.assign(client, { processID: -1 });
  await openSession(client);
};

/** A connection of its own pool. */
async function connect(t: TestContext, onConnect = openSession): Promise<pg.PoolClient> {
  const pool = createPool({ url, max: 1, applicationName: 'test', log: silentLog, onConnect });
  const client = await pool.connect();
  t.after(() => {
    client.release(true);
    return pool.end();
  });
  return client;
}

async function limitOf(client: pg.ClientBase): Promise<string> {
  return (await client.query("select current_setting('statement_timeout') as value")).rows[0].value;
}

for (const [what, onConnect] of [
  ['separate sessions', openSession],
  ['sessions shared by a pooler', SHARED],
] as const)
  describe(what, () => {
    test('a statement that exceeds its limit is ended by the server', async (t) => {
      const client = await connect(t, onConnect);
      await assert.rejects(queryWithin(client, 1, ENDLESS), isCancelled);
      const { rows } = await queryWithin<{ n: number }>(client, 1, 'select $1::int as n', [7]);
      assert.deepEqual(rows, [{ n: 7 }], 'and the connection goes on');
    });

    test('each statement has its own limit', async (t) => {
      const client = await connect(t, onConnect);
      for (const seconds of [2, 2, 3, 2]) {
        const { rows } = await queryWithin(
          client,
          seconds,
          "select current_setting('statement_timeout') as value",
        );
        assert.deepEqual(rows, [{ value: `${seconds}s` }]);
      }
    });

    test('a statement commits by itself, and a failed one leaves nothing', async (t) => {
      const client = await connect(t, onConnect);
      await queryWithin(
        client,
        9,
        'create table if not exists kept (n int unique deferrable initially deferred)',
      );
      await queryWithin(client, 9, 'truncate kept');
      await queryWithin(client, 9, 'insert into kept values ($1)', [1]);
      const failing: [text: string, expected: RegExp][] = [
        ['insert into kept values (2), (1/0)', /division by zero/],
        ['insert into kept values (3); select nothing', /column "nothing" does not exist/],
        ['insert into kept values (1)', /duplicate key/],
      ];
      for (const [text, expected] of failing) await assert.rejects(queryWithin(client, 9, text), expected);
      const { rows } = await queryWithin(client, 9, 'select n from kept');
      assert.deepEqual(rows, [{ n: 1 }]);
    });

    test('a statement that cannot run in a transaction runs without one', async (t) => {
      const client = await connect(t, onConnect);
      await queryWithin(client, 9, 'vacuum pg_class');
    });
  });

test('behind a pooler no limit stays on the session, which others use next', async (t) => {
  const client = await connect(t, SHARED);
  await queryWithin(client, 1, 'select 1');
  assert.equal(await limitOf(client), '0');
});

test('a returned connection has no limit, and gets the next one correctly', async (t) => {
  const pool = createPool({ url, max: 1, applicationName: 'test', log: silentLog, onConnect: openSession });
  t.after(() => pool.end());
  const first = await pool.connect();
  await queryWithin(first, 1, "set work_mem = '77MB'");
  handBack(first);
  const second = await pool.connect();
  assert.equal(second, first, 'the same connection');
  assert.equal(await limitOf(second), '0');
  await assert.rejects(queryWithin(second, 1, ENDLESS), isCancelled);
  second.release();
});
