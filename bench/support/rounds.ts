/** Measures engines in turn, so that other work on the machine affects them equally. */
import { type Engine, LeftOut } from '../engines/engine.ts';
import type { Bench, Goal, Row } from '../targets/target.ts';
import { checkpoint } from './postgres.ts';
import { withinLimit } from './run-limit.ts';
import { ratios } from './statistics.ts';

/** The rate of each engine per second, for each round, or why it is not measured. */
export type Rates = ReadonlyMap<Engine, readonly number[] | Error>;

/** Before the measurement each engine runs this amount at most, so that it is warm like a server in use. */
const MAX_WARM_UP = 100_000;

/** Runs W(n), or n batches, on each engine in turn, for all rounds of the bench. */
export async function alternate(bench: Bench, n: number, engines: readonly Engine[]): Promise<Rates> {
  const rates = new Map<Engine, number[] | Error>(engines.map((engine) => [engine, []]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const [engine, before] of rates) {
      if (before instanceof Error) continue;
      try {
        const rate = n / (await runOnce(bench, engine, n));
        bench.say(
          `round ${round}: ${Math.round(rate).toLocaleString('en')} ${unitOf(engine)}, ${engine.measured}`,
        );
        before.push(rate);
      } catch (error) {
        if (bench.signal.aborted) throw error;
        bench.say(`round ${round}: ${engine.measured} failed: ${(error as Error).message}`);
        // The others are still measured; earlier results of a failed engine are kept.
        if (before.length === 0) rates.set(engine, error as Error);
      }
    }
  }
  return rates;
}

/** Alone: every other engine has been torn down. */
function runOnce({ postgresUrl, signal }: Bench, engine: Engine, n: number): Promise<number> {
  return withinLimit({ signal, runs: 1 }, async (limited) => {
    const running = await engine.setUp(postgresUrl, limited);
    try {
      await running.run(Math.min(MAX_WARM_UP, n));
      await checkpoint(postgresUrl);
      return await running.run(n);
    } finally {
      await running.tearDown();
    }
  });
}

function unitOf({ counted }: Engine): string {
  return `${counted ?? 'jobs'}/s`;
}

export function rateRow(rates: Rates, engine: Engine): Row {
  const found = rates.get(engine);
  const row = { what: engine.measured, unit: unitOf(engine) };
  if (found instanceof LeftOut) return { ...row, values: [], missing: `left out: ${found.message}` };
  if (found instanceof Error)
    return { ...row, values: [], failed: true, missing: `not measured: ${found.message}` };
  return { ...row, values: found ?? [] };
}

/** The other's row, with the factor by which ours is faster. */
export function comparisonRow(rates: Rates, ours: Engine, other: Engine, least?: number): Row {
  const row = rateRow(rates, other);
  const values = ratios(rateRow(rates, ours).values, row.values);
  const goal: Goal | undefined = least === undefined ? undefined : { of: 'ratio', least };
  return { ...row, ratio: { values, to: other.name }, ...(goal && { goal }) };
}
