import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../support/client.ts';
import { type Product, startProduct, warmUp } from '../support/product.ts';
import { fromClients } from '../support/small-batches.ts';
import { percentile } from '../support/statistics.ts';
import { batchBody } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const JOBS = 500_000;
const LONG_JOBS = 5000;
const LONG_JOB_MS = 1000;
const SMALL = batchBody(10);
/** The pause between the end of one small batch and the next. */
const PAUSE_MS = 50;
/** The number of small batches that run while other batches wait. */
const SMALL_BATCHES = 100;

export const target: Target = {
  id: 'S9',
  title: 'fairness',
  method:
    'batches of 10 jobs, one after the other for each tenant, from the POST sent until progress says completed (asked ' +
    'every 20 ms); the p95 of each round: from when W(500k) has been taken in until it is completed, and 100 of each ' +
    'tenant while 5,000 batches wait that one of them has sent, each of one job that takes 1 s',
  async measure(bench) {
    const env = { MAX_JOBS_PER_BATCH: String(JOBS) };
    await using product = await startProduct(bench.postgresUrl, bench.signal, { env });
    await warmUp(product);
    const other = product.clientOf(await product.client.createKey('other'));
    const beside = await besideLarge(bench, product, other);
    return [...beside, ...(await besideMany(bench, product, other))];
  },
};

async function besideLarge(bench: Bench, { client }: Product, other: Client): Promise<Row[]> {
  const large = batchBody(bench.size(JOBS));
  const rounds: number[][] = [];
  while (rounds.length < bench.rounds) {
    const asyncId = await client.run(large);
    const ended = new AbortController();
    const times = [client, other].map((one) => smallBatches(one, () => ended.signal.aborted, bench.signal));
    await client.ended(asyncId).finally(() => ended.abort());
    rounds.push(await percentiles(bench, times));
  }
  return rowsOf('a large one runs', rounds);
}

/** The waiting batches are not awaited: they would take minutes, and are dropped with the database. */
async function besideMany(bench: Bench, { client }: Product, other: Client): Promise<Row[]> {
  const job = { namespace: 'bench', action: 'wait', params: { n: 0, ms: LONG_JOB_MS } };
  const long = JSON.stringify({ jobs: [job] });
  await fromClients(Math.min(LONG_JOBS, bench.size(LONG_JOBS)), () => client.run(long));
  const rounds: number[][] = [];
  while (rounds.length < bench.rounds) {
    const times = [client, other].map((one) => {
      let left = SMALL_BATCHES;
      return smallBatches(one, () => --left <= 0, bench.signal);
    });
    rounds.push(await percentiles(bench, times));
  }
  return rowsOf('5,000 of 1 s wait', rounds);
}

async function percentiles(bench: Bench, times: readonly Promise<number[]>[]): Promise<number[]> {
  const all = await Promise.all(times);
  bench.say(`${all.map(({ length }) => length).join(' and ')} small batches`);
  return all.map((ms) => percentile(ms, 95));
}

function rowsOf(meanwhile: string, rounds: readonly number[][]): Row[] {
  return ['the same', 'another'].map((tenant, which) => ({
    what: `10-job batch while ${meanwhile}, ${tenant} tenant: p95`,
    unit: 'ms',
    values: rounds.map((round) => round[which] as number),
    goal: { of: 'figure', most: 1000 },
  }));
}

/** The time of each in milliseconds, until there are enough; the last one is awaited. */
async function smallBatches(client: Client, enough: () => boolean, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  do {
    const startedAt = performance.now();
    await client.ended(await client.run(SMALL));
    times.push(performance.now() - startedAt);
    await wait(PAUSE_MS, undefined, { signal });
  } while (!enough());
  return times;
}
