import { limit } from '../engines/limit.ts';
import { checkpoint } from '../support/postgres.ts';
import { watchMemory } from '../support/processes.ts';
import { startProduct } from '../support/product.ts';
import { ratios } from '../support/statistics.ts';
import { batchLines } from '../support/workload.ts';
import type { Bench, Goal, Target } from './target.ts';

const JOBS = 1_000_000;
const rateGoal: Goal = { of: 'ratio', least: 0.4 };
const memoryGoal: Goal = { of: 'figure', most: 180 };

export const target: Target = {
  id: 'S3',
  title: 'a million jobs as NDJSON',
  method:
    'W(1M) in one NDJSON POST until progress says completed; the memory is what the API and its worker have ' +
    'resident together, sampled every 20 ms, beyond what they had when idle after their start, from the first ' +
    'byte sent to the last result streamed out',
  engines: [limit],
  async measure(bench) {
    const n = bench.size(JOBS);
    const row = { what: `ours: NDJSON POST of ${n.toLocaleString('en')} jobs → completed`, unit: 'jobs/s' };
    const memory = { what: 'the same: resident memory over idle', unit: 'MB', goal: memoryGoal };
    const rounds: Awaited<ReturnType<typeof measureRound>>[] = [];
    while (rounds.length < bench.rounds) rounds.push(await measureRound(bench, n));
    const rates = rounds.map(({ rate }) => rate);
    const limits = rounds.map((round) => round.limit);
    return [
      { ...row, values: rates, ratio: { values: ratios(rates, limits), to: 'the limit' }, goal: rateGoal },
      { ...memory, values: rounds.map(({ megabytes }) => megabytes) },
    ];
  },
};

async function measureRound(bench: Bench, n: number) {
  const { rate, megabytes } = await measureOurs(bench, n);
  bench.say(`${Math.round(rate).toLocaleString('en')} jobs/s, ${Math.round(megabytes)} MB over idle`);
  return { rate, megabytes, limit: await measureLimit(bench, n) };
}

async function measureOurs({ postgresUrl, signal }: Bench, n: number) {
  const env = { MAX_NDJSON_JOBS: String(n) };
  await using product = await startProduct(postgresUrl, signal, { env });
  const { client } = product;
  const pieces = batchLines(n);
  await client.ended(await client.runLines(batchLines(1)));
  await checkpoint(postgresUrl);
  const memory = watchMemory(product.pids);
  const startedAt = performance.now();
  const asyncId = await client.runLines(pieces);
  await client.ended(asyncId);
  const rate = n / ((performance.now() - startedAt) / 1000);
  const results = await client.countResults(asyncId);
  const megabytes = memory.stop();
  if (results !== n) throw new Error(`${results} of ${n} results were streamed`);
  return { rate, megabytes };
}

async function measureLimit({ postgresUrl, signal }: Bench, n: number): Promise<number> {
  const running = await limit.setUp(postgresUrl, signal);
  try {
    await checkpoint(postgresUrl);
    return n / (await running.run(n));
  } finally {
    await running.tearDown();
  }
}
