import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../support/client.ts';
import { startProduct, warmUp } from '../support/product.ts';
import { percentile } from '../support/statistics.ts';
import { batchBody } from '../support/workload.ts';
import type { Row, Target } from './target.ts';

const JOBS = 500_000;
const SMALL = batchBody(10);
/** Between the end of one small batch and the next. */
const PAUSE_MS = 50;

export const target: Target = {
  id: 'S9',
  title: 'fairness',
  method:
    'batches of 10 jobs, one after the other for each tenant, from the POST sent until progress says completed (asked ' +
    'every 20 ms), from when W(500k) has been taken in until it is completed; the p95 of each round',
  async measure(bench) {
    const large = batchBody(bench.size(JOBS));
    const env = { MAX_JOBS_PER_BATCH: String(JOBS) };
    await using product = await startProduct(bench.postgresUrl, bench.signal, { env });
    const { client } = product;
    await warmUp(product);
    const stranger = product.clientOf(await client.createKey('stranger'));
    const [same, other]: [number[], number[]] = [[], []];
    while (same.length < bench.rounds) {
      const asyncId = await client.run(large);
      const ended = new AbortController();
      const times = [client, stranger].map((one) => smallBatches(one, ended.signal, bench.signal));
      await client.ended(asyncId).finally(() => ended.abort());
      const [own = [], strange = []] = await Promise.all(times);
      bench.say(`${own.length} and ${strange.length} small batches while the large one ran`);
      same.push(percentile(own, 95));
      other.push(percentile(strange, 95));
    }
    const row = (tenant: string, values: number[]): Row => ({
      what: `10-job batch while a large one runs, ${tenant} tenant: p95`,
      unit: 'ms',
      values,
      goal: { of: 'figure', most: 1000 },
    });
    return [row('the same', same), row('another', other)];
  },
};

/** Milliseconds of each, as long as the large batch runs; the last one is waited for. */
async function smallBatches(client: Client, ended: AbortSignal, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  do {
    const startedAt = performance.now();
    await client.ended(await client.run(SMALL));
    times.push(performance.now() - startedAt);
    await wait(PAUSE_MS, undefined, { signal });
  } while (!ended.aborted);
  return times;
}
