import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createRouteSql } from '../../../../src/pipeline/run/sql/route-sql.ts';
import { createPool } from '../../../../src/postgres/pools.ts';
import { createDatabase } from '../../../support/database.ts';
import { ENDLESS } from '../../../support/endless.ts';
import { silentLog } from '../../../support/silent-log.ts';
import { waitFor } from '../../../support/wait.ts';

const { url } = await createDatabase({ after });
const pool = createPool({ url, max: 4, applicationName: 'test routes', log: silentLog });
after(() => pool.end());
const sqlOf = createRouteSql(pool);

test('slow reads of routes leave connections to those of other namespaces', async () => {
  const slow = ['a', 'b'].flatMap((namespace) =>
    Array.from({ length: 3 }, () =>
      sqlOf(namespace)
        .query(ENDLESS)
        .then(
          () => assert.fail('it ended by itself'),
          (error: Error) => error.message,
        ),
    ),
  );
  await waitFor(async () => pool.totalCount - pool.idleCount === 3, { what: 'three statements to run' });
  const { rows } = await sqlOf('c').query('select 1 as one');
  assert.deepEqual(rows, [{ one: 1 }]);
  assert.equal(pool.totalCount, 4);
  for (const message of await Promise.all(slow)) assert.match(message, /took more than 5 s|waited 10 s/);
  assert.deepEqual((await sqlOf('a').query('select 2 as two')).rows, [{ two: 2 }]);
});
