import { setTimeout as wait } from 'node:timers/promises';
import { startBare } from '../support/bare.ts';
import type { Client } from '../support/client.ts';
import { startProduct, warmUp } from '../support/product.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { percentile, ratios } from '../support/statistics.ts';
import { batchBody, range } from '../support/workload.ts';
import type { Bench, Row, Target } from './target.ts';

const BATCHES = 200;
/** Until the server is idle again: it records the delivery after the callback was received. */
const PAUSE_MS = 20;
/** The allowed factor over the plain round trip, by percentile. */
const MOST = { 50: 1.5, 99: 3 } as const;

export const target: Target = {
  id: 'S4',
  title: 'one job on an idle server',
  method:
    '200 batches of one job, one after the other, each from the POST sent to its callback received by a server on ' +
    'loopback; beside it, by turns, the bare round trip: express takes the same POST, pg commits four transactions ' +
    'of one insert, one after the other, and a POST goes to the same receiver',
  async measure(bench) {
    await using receiver = await startReceiver();
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    await using bare = await startBare(bench.postgresUrl, bench.signal);
    await warmUp(product);
    await measureRound(bench, bare.post, receiver);
    const [ours, bares]: [number[][], number[][]] = [[], []];
    while (ours.length < bench.rounds) {
      ours.push(await measureRound(bench, product.client.run, receiver));
      bares.push(await measureRound(bench, bare.post, receiver));
      bench.say(`ours ${inWords(ours.at(-1))}; the bare round trip ${inWords(bares.at(-1))}`);
    }
    return ([50, 99] as const).flatMap((percent): Row[] => {
      const of = (rounds: number[][]) => rounds.map((times) => percentile(times, percent));
      const ratio = { values: ratios(of(ours), of(bares)), to: 'the bare round trip' };
      return [
        {
          what: `one-job batch: POST → callback received, p${percent}`,
          unit: 'ms',
          values: of(ours),
          ratio,
          goal: { of: 'ratio', most: MOST[percent] },
        },
        { what: `the bare round trip, p${percent}`, unit: 'ms', values: of(bares) },
      ];
    });
  },
};

/** Each latency in milliseconds. */
async function measureRound(bench: Bench, post: Client['run'], receiver: Receiver): Promise<number[]> {
  const times: number[] = [];
  for (const name of range(0, Math.min(BATCHES, bench.size(BATCHES)), String)) {
    await wait(PAUSE_MS, undefined, { signal: bench.signal });
    const received = receiver.received(name, bench.signal);
    const startedAt = performance.now();
    const [receivedAt] = await Promise.all([received, post(batchBody(1, receiver.urlOf(name)))]);
    times.push(receivedAt - startedAt);
  }
  return times;
}

function inWords(times: readonly number[] = []): string {
  return `p50 ${percentile(times, 50).toFixed(1)} ms, p99 ${percentile(times, 99).toFixed(1)} ms`;
}
