import { seconds } from '../engines/engine.ts';
import { type Product, startProduct, warmUp } from '../support/product.ts';
import { ratios } from '../support/statistics.ts';
import { batchBody, chainsBody, groupBody } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const JOBS = 100_000;
const CHAIN_LENGTH = 100;
/** What the rate may lose by dependencies. */
const LEAST = { group: 0.8, chains: 0.3 };

export const target: Target = {
  id: 'S15',
  title: 'jobs that depend on each other',
  method:
    'W(100k) as one JSON POST until it is completed, by turns: as it is; with one job that waits for a group of all ' +
    `others; and as chains of ${CHAIN_LENGTH} jobs, each of which waits for the one before`,
  async measure(bench) {
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    await warmUp(product);
    const rates: Record<Case, number[]> = { plain: [], group: [], chains: [] };
    while (rates.chains.length < bench.rounds)
      for (const name of ['plain', 'group', 'chains'] as const) {
        const rate = await measureCase(bench, product, name);
        bench.say(`${TITLES[name]}: ${Math.round(rate).toLocaleString('en')} jobs/s`);
        rates[name].push(rate);
      }
    return rowsOf(rates);
  },
};

type Case = 'plain' | 'group' | 'chains';
const TITLES: Record<Case, string> = {
  plain: 'W(100k)',
  group: 'W(100k) and a job that waits for all of them',
  chains: `the same jobs as chains of ${CHAIN_LENGTH}`,
};
const BODIES: Record<Case, (n: number) => Buffer> = {
  plain: batchBody,
  group: groupBody,
  chains: (n) => chainsBody(n, CHAIN_LENGTH),
};

async function measureCase({ size }: Bench, { client }: Product, name: Case): Promise<number> {
  const n = size(JOBS);
  const body = BODIES[name](n);
  return n / (await seconds(async () => client.ended(await client.run(body))));
}

function rowsOf(rates: Record<Case, readonly number[]>): Row[] {
  const beside = (name: 'group' | 'chains'): Row => ({
    what: TITLES[name],
    unit: 'jobs/s',
    values: rates[name],
    ratio: { values: ratios(rates[name], rates.plain), to: 'W(100k)' },
    goal: { of: 'ratio', least: LEAST[name] },
  });
  return [{ what: TITLES.plain, unit: 'jobs/s', values: rates.plain }, beside('group'), beside('chains')];
}
