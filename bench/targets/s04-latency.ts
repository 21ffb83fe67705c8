import { setTimeout as wait } from 'node:timers/promises';
import { type Product, startProduct, warmUp } from '../support/product.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { percentile } from '../support/statistics.ts';
import { batchBody, range } from '../support/workload.ts';
import type { Bench, Target } from './target.ts';

const BATCHES = 200;
/** So that the server is idle again: it records the delivery after the callback was received. */
const PAUSE_MS = 20;

export const target: Target = {
  id: 'S4',
  title: 'one job on an idle server',
  method:
    '200 batches of one job, one after the other, each from the POST sent to its callback received by a server on ' +
    'loopback',
  limitSeconds: 90,
  async measure(bench) {
    await using receiver = await startReceiver();
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    await warmUp(product);
    const rounds: number[][] = [];
    while (rounds.length < bench.rounds) rounds.push(await measureRound(bench, product, receiver));
    const row = (percent: number, most: number) => ({
      what: `one-job batch: POST → callback received, p${percent}`,
      unit: 'ms',
      values: rounds.map((times) => percentile(times, percent)),
      goal: { of: 'figure', most } as const,
    });
    return [row(50, 20), row(99, 100)];
  },
};

/** Milliseconds of each batch. */
async function measureRound(bench: Bench, { client }: Product, receiver: Receiver): Promise<number[]> {
  const times: number[] = [];
  for (const name of range(0, Math.min(BATCHES, bench.size(BATCHES)), String)) {
    await wait(PAUSE_MS, undefined, { signal: bench.signal });
    const received = receiver.received(name, bench.signal);
    const startedAt = performance.now();
    const [receivedAt] = await Promise.all([received, client.run(batchBody(1, receiver.urlOf(name)))]);
    times.push(receivedAt - startedAt);
  }
  bench.say(`p50 ${percentile(times, 50).toFixed(1)} ms, p99 ${percentile(times, 99).toFixed(1)} ms`);
  return times;
}
