/**
 * The upper bound for engines with one row per job and one row per result: COPY the jobs in, then COPY the
 * results in, each into a table with a primary key, without running anything.
 */
import { once } from 'node:events';
import type { Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { createPool } from '../../src/postgres/pools.ts';
import { silentLog } from '../../test/support/silent-log.ts';
import { createDatabase } from '../support/postgres.ts';
import { answer, echo, slices } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

/** Lines written to the socket at once. */
const LINES = 1000;

export const limit: Engine = {
  name: 'the limit',
  measured: 'the limit: COPY the jobs in, COPY the results in',
  settings: 'two tables of (integer primary key, json), filled one after the other by COPY in text format',

  async setUp(postgresUrl): Promise<RunningEngine> {
    await using stack = new AsyncDisposableStack();
    const database = stack.use(await createDatabase(postgresUrl));
    const pool = createPool({
      url: database.url,
      max: 1,
      applicationName: 'limit',
      log: silentLog,
      forCopy: true,
    });
    stack.defer(() => pool.end());
    await pool.query('create table job (id integer primary key, data json not null)');
    await pool.query('create table result (id integer primary key, response json not null)');
    const kept = stack.move();
    return {
      async run(n) {
        await pool.query('truncate job, result');
        return seconds(async () => {
          await copy(pool, 'copy job from stdin', n, echo);
          await copy(pool, 'copy result from stdin', n, answer);
        });
      },
      tearDown: () => kept.disposeAsync(),
    };
  },
};

/** JSON of these values contains no tabs and no backslashes, which the format would require to be escaped. */
async function copy(pool: Pool, statement: string, n: number, make: (n: number) => object): Promise<void> {
  const client = await pool.connect();
  try {
    const stream = client.query(copyFrom(statement));
    for (const [from, to] of slices(n, LINES)) {
      let lines = '';
      for (let id = from; id < to; id++) lines += `${id}\t${JSON.stringify(make(id))}\n`;
      if (!stream.write(lines)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'finish');
  } finally {
    client.release();
  }
}
