/** Ours over HTTP with many small batches: until the last one is completed, or its callback received. */
import type { Pool } from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { silentLog } from '../../test/support/silent-log.ts';
import { startProduct } from '../support/product.ts';
import { startReceiver } from '../support/receiver.ts';
import { fromClients, JOBS_EACH } from '../support/small-batches.ts';
import { until } from '../support/until.ts';
import { batchBody } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

export function oursSmall({ callbacks }: { callbacks: boolean }): Engine {
  return {
    name: 'ours',
    measured: `ours over HTTP, callbacks ${callbacks ? 'on' : 'off'}`,
    settings: 'default settings, but for RATE_LIMIT=0 and CALLBACK_ALLOW',
    counted: 'batches',

    async setUp(postgresUrl, signal): Promise<RunningEngine> {
      await using stack = new AsyncDisposableStack();
      const receiver = stack.use(await startReceiver());
      const { client, databaseUrl } = stack.use(await startProduct(postgresUrl, signal));
      const options = { url: databaseUrl, max: 1, applicationName: 'bench', log: silentLog };
      const pool = stack.adopt(createPool(options), (opened) => opened.end());
      const body = batchBody(JOBS_EACH, callbacks ? receiver.urlOf('callback') : undefined);
      const done = async () => (callbacks ? receiver.count() : completed(pool));
      const kept = stack.move();
      return {
        async run(n) {
          const before = await done();
          return seconds(async () => {
            await fromClients(n, () => client.run(body));
            await until(async () => (await done()) - before >= n, { signal, everyMs: 50 });
          });
        },
        tearDown: () => kept.disposeAsync(),
      };
    },
  };
}

async function completed(pool: Pool): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::int as count from batchwright.batch where state = 'completed'`,
  );
  return rows[0].count;
}
