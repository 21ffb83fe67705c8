import type { Pool } from 'pg';
import { createPool } from '../../src/postgres/pools.ts';
import { silentLog } from '../../test/support/silent-log.ts';
import { seconds } from '../engines/engine.ts';
import { type Product, startProduct, warmUp } from '../support/product.ts';
import { ratios } from '../support/statistics.ts';
import { until } from '../support/until.ts';
import { batchBody, limitedBody } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const WAITING_JOBS = 100_000;
const FREE_JOBS = 50_000;
const BUCKETS = 100;
/** What the rate of the free batch may lose. */
const LEAST = 0.9;

export const target: Target = {
  id: 'S16',
  title: 'jobs that wait for their limit',
  method:
    `W(50k) as one JSON POST until it is completed, alone and, by turns, while 100,000 jobs of another batch of the same ` +
    `tenant wait for their buckets: ${BUCKETS} buckets, each with one start a minute; sent when all of those wait (no ` +
    'message is claimed any more), and at once after them, while they are being put aside',
  async measure(bench) {
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    const options = { url: product.databaseUrl, max: 1, applicationName: 'bench', log: silentLog };
    await using stack = new AsyncDisposableStack();
    const pool = stack.adopt(createPool(options), (opened) => opened.end());
    await warmUp(product);
    const rates: Record<Case, number[]> = { alone: [], waiting: [], 'at once': [] };
    while (rates['at once'].length < bench.rounds)
      for (const name of ['alone', 'waiting', 'at once'] as const) {
        const rate = await measureCase(bench, product, pool, name);
        bench.say(`${TITLES[name]}: ${Math.round(rate).toLocaleString('en')} jobs/s`);
        rates[name].push(rate);
      }
    return rowsOf(rates);
  },
};

type Case = 'alone' | 'waiting' | 'at once';
const TITLES: Record<Case, string> = {
  alone: 'W(50k) alone',
  waiting: 'W(50k) while 100,000 jobs wait',
  'at once': 'W(50k) at once after 100,000 jobs that must wait',
};

async function measureCase(
  { size, signal }: Bench,
  { client }: Product,
  pool: Pool,
  name: Case,
): Promise<number> {
  // `--n` is the number of those that wait; half as many do not.
  const free = Math.ceil((size(WAITING_JOBS) * FREE_JOBS) / WAITING_JOBS);
  const body = batchBody(free);
  const waiting = name === 'alone' ? null : await client.run(limitedBody(size(WAITING_JOBS), BUCKETS));
  if (name === 'waiting') await until(() => allWait(pool), { signal, everyMs: 20 });
  const took = await seconds(async () => client.ended(await client.run(body)));
  if (waiting !== null) await client.cancel(waiting);
  return free / took;
}

/** True when every message that is left names the bucket that its jobs wait for. */
async function allWait(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ others: number }>(
    `select count(*)::int as others from pgboss.job where state < 'completed' and data->>'bucket' is null`,
  );
  return rows[0]?.others === 0;
}

function rowsOf(rates: Record<Case, readonly number[]>): Row[] {
  const beside = (name: Case): Row => ({
    what: TITLES[name],
    unit: 'jobs/s',
    values: rates[name],
    ratio: { values: ratios(rates[name], rates.alone), to: 'alone' },
  });
  return [
    { what: TITLES.alone, unit: 'jobs/s', values: rates.alone },
    { ...beside('waiting'), goal: { of: 'ratio', least: LEAST } },
    beside('at once'),
  ];
}
