/** Engines measured by turns, so that what else the machine does meets them all alike. */
import { type Engine, LeftOut } from '../engines/engine.ts';
import type { Bench, Goal, Row } from '../targets/target.ts';
import { checkpoint } from './postgres.ts';
import { ratios } from './statistics.ts';

/** Jobs/s of each engine, round by round, or why it did not take part. */
export type Rates = ReadonlyMap<Engine, readonly number[] | LeftOut>;

/** Before the clock starts each engine runs as many jobs, and no more than this: like a server that is in use. */
const MAX_WARM_UP = 100_000;

/** Runs W(n) on each engine, one after the other, as many rounds as the bench has. */
export async function alternate(bench: Bench, n: number, engines: readonly Engine[]): Promise<Rates> {
  const rates = new Map<Engine, number[] | LeftOut>(engines.map((engine) => [engine, []]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const [engine, before] of rates) {
      if (before instanceof LeftOut) continue;
      try {
        const rate = n / (await runOnce(bench, engine, n));
        bench.say(`round ${round}: ${Math.round(rate).toLocaleString('en')} jobs/s, ${engine.measured}`);
        before.push(rate);
      } catch (error) {
        if (!(error instanceof LeftOut)) throw error;
        rates.set(engine, error);
      }
    }
  }
  return rates;
}

/** Alone: every other engine has been torn down. */
async function runOnce({ postgresUrl, signal }: Bench, engine: Engine, n: number): Promise<number> {
  signal.throwIfAborted();
  const running = await engine.setUp(postgresUrl, signal);
  try {
    await running.run(Math.min(MAX_WARM_UP, n));
    await checkpoint(postgresUrl);
    return await running.run(n);
  } finally {
    await running.tearDown();
  }
}

export function rateRow(rates: Rates, engine: Engine): Row {
  const found = rates.get(engine);
  const row = { what: engine.measured, unit: 'jobs/s' };
  if (found instanceof LeftOut) return { ...row, values: [], missing: `left out: ${found.message}` };
  return { ...row, values: found ?? [] };
}

/** The other's row, with how many times as fast as it ours is. */
export function comparisonRow(rates: Rates, ours: Engine, other: Engine, least: number): Row {
  const row = rateRow(rates, other);
  const values = ratios(rateRow(rates, ours).values, row.values);
  const goal: Goal = { of: 'ratio', least };
  return { ...row, ratio: { values, to: other.name }, goal };
}
