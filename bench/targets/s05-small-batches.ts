import type { Pool } from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { silentLog } from '../../test/support/silent-log.ts';
import type { Client } from '../support/client.ts';
import { startProduct, warmUp } from '../support/product.ts';
import { startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { batchBody, range } from '../support/workload.ts';
import type { Target } from './target.ts';

const JOBS = 20_000;
const JOBS_EACH = 10;
const CLIENTS = 32;

export const target: Target = {
  id: 'S5',
  title: 'many small batches',
  method:
    '2,000 batches of 10 jobs, sent by 32 clients as fast as each is answered, from the first POST until the last ' +
    'batch is completed or its callback received on loopback',
  limitSeconds: 120,
  async measure(bench) {
    const batches = Math.ceil(bench.size(JOBS) / JOBS_EACH);
    await using receiver = await startReceiver();
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    await using stack = new AsyncDisposableStack();
    const options = { url: product.databaseUrl, max: 1, applicationName: 'bench', log: silentLog };
    const pool = stack.adopt(createPool(options), (opened) => opened.end());
    await warmUp(product);
    const [plain, calledBack]: [number[], number[]] = [[], []];
    while (calledBack.length < bench.rounds) {
      plain.push(
        await rateOf(bench.signal, batches, product.client, batchBody(JOBS_EACH), () => completed(pool)),
      );
      const body = batchBody(JOBS_EACH, receiver.urlOf('callback'));
      calledBack.push(await rateOf(bench.signal, batches, product.client, body, receiver.count));
      bench.say(`${plain.at(-1)?.toFixed()} batches/s, ${calledBack.at(-1)?.toFixed()} with callbacks`);
    }
    const what = `batches of ${JOBS_EACH} jobs from ${CLIENTS} clients`;
    return [
      {
        what: `${what}, callbacks off`,
        unit: 'batches/s',
        values: plain,
        goal: { of: 'figure', least: 400 },
      },
      {
        what: `${what}, with callbacks`,
        unit: 'batches/s',
        values: calledBack,
        goal: { of: 'figure', least: 250 },
      },
    ];
  },
};

/** Batches a second; `done` counts those that are, before these too. */
async function rateOf(
  signal: AbortSignal,
  batches: number,
  client: Client,
  body: Buffer,
  done: () => number | Promise<number>,
): Promise<number> {
  const before = await done();
  const startedAt = performance.now();
  let left = batches;
  await Promise.all(
    range(0, CLIENTS, async () => {
      while (left-- > 0) await client.run(body);
    }),
  );
  await until(async () => (await done()) - before >= batches, { signal, everyMs: 50 });
  return batches / ((performance.now() - startedAt) / 1000);
}

async function completed(pool: Pool): Promise<number> {
  const { rows } = await pool.query(
    `select count(*) as count from batchwright.batch where state = 'completed'`,
  );
  return rows[0].count;
}
