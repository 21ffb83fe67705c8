import { ours } from '../engines/ours.ts';
import { checkpoint } from '../support/postgres.ts';
import { ratios } from '../support/statistics.ts';
import type { Bench, Row, Target } from './target.ts';

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
/** From this size on, the rate must not fall. */
const STEADY_FROM = 10_000;
/** Counts as constant: two runs of the same size differ by as much. */
const FLAT = 0.9;
const engine = ours();

export const target: Target = {
  id: 'S8',
  title: 'growth',
  method:
    'the engine alone as in S1, W(N) of growing N, one after the other on one database; flat is 0.9 × or more',
  engines: [engine],
  async measure(bench) {
    const sizes = SIZES.filter((n) => n <= bench.size(n));
    const rounds: number[][] = [];
    while (rounds.length < bench.rounds) rounds.push(await measureRound(bench, sizes));
    return sizes.map((n, position) => rowOf(rounds, sizes, position, n));
  },
};

/** Jobs/s for each size. */
async function measureRound(
  { postgresUrl, signal, say }: Bench,
  sizes: readonly number[],
): Promise<number[]> {
  const running = await engine.setUp(postgresUrl, signal);
  const rates: number[] = [];
  try {
    await running.run(STEADY_FROM);
    for (const n of sizes) {
      await checkpoint(postgresUrl);
      rates.push(n / (await running.run(n)));
    }
  } finally {
    await running.tearDown();
  }
  say(rates.map((rate, at) => `${Math.round(rate).toLocaleString('en')} jobs/s of ${sizes[at]}`).join(', '));
  return rates;
}

function rowOf(rounds: readonly number[][], sizes: readonly number[], position: number, n: number): Row {
  const at = (index: number) => rounds.map((rates) => rates[index] ?? Number.NaN);
  const row = { what: `W(${n.toLocaleString('en')})`, unit: 'jobs/s', values: at(position) };
  if (n <= STEADY_FROM) return row;
  const ratio = {
    values: ratios(row.values, at(position - 1)),
    to: `W(${sizes[position - 1]?.toLocaleString('en')})`,
  };
  return { ...row, ratio, goal: { of: 'ratio', least: FLAT } };
}
