import { limit } from '../engines/limit.ts';
import { checkpoint } from '../support/postgres.ts';
import { watchMemory } from '../support/processes.ts';
import { startProduct } from '../support/product.ts';
import { startReceiver } from '../support/receiver.ts';
import { ratios } from '../support/statistics.ts';
import { batchBody } from '../support/workload.ts';
import type { Bench, Goal, Row, Target } from './target.ts';

const JOBS = 100_000;
const NAME = 'results';
const memoryGoal: Goal = { of: 'figure', most: 64 };

/** One way to read results, and its figures for each round. */
interface Way {
  what: string;
  /** As a part of the limit's rate. */
  least: number;
  /** Resolves when all results have arrived. */
  take(): Promise<void>;
  rates: number[];
  megabytes: number[];
}

export const target: Target = {
  id: 'S6',
  title: 'results on their way out',
  method:
    'the results of W(100k), ended before: as an NDJSON stream from the GET sent to its last line, and as a callback ' +
    'from `repost` to its last byte, beside the limit’s W(100k); the memory is what the API and its worker have ' +
    'resident together beyond what they had just before',
  engines: [limit],
  async measure(bench) {
    const n = bench.size(JOBS);
    await using receiver = await startReceiver();
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    const { client, pids } = product;
    const first = receiver.received(NAME, bench.signal);
    const asyncId = await client.run(batchBody(n, receiver.urlOf(NAME)));
    await Promise.all([client.ended(asyncId), first]);
    const stream: Way = {
      ...wayOf('results as an NDJSON stream', 0.9),
      async take() {
        const count = await client.countResults(asyncId);
        if (count !== n) throw new Error(`${count} of ${n} results were streamed`);
      },
    };
    const callback: Way = {
      ...wayOf('results as a callback', 0.5),
      async take() {
        const received = receiver.received(NAME, bench.signal);
        await Promise.all([client.repost(asyncId), received]);
      },
    };
    const limits: number[] = [];
    while (limits.length < bench.rounds) {
      await checkpoint(bench.postgresUrl);
      for (const way of [stream, callback]) await measureWay(way, n, pids);
      limits.push(await limitRate(bench, n));
    }
    return [stream, callback].flatMap((way) => rowsOf(way, limits));
  },
};

function wayOf(what: string, least: number): Omit<Way, 'take'> {
  return { what, least, rates: [], megabytes: [] };
}

async function measureWay(way: Way, n: number, pids: readonly number[]): Promise<void> {
  const watch = watchMemory(pids);
  const startedAt = performance.now();
  await way.take();
  way.rates.push(n / ((performance.now() - startedAt) / 1000));
  way.megabytes.push(watch.stop());
}

async function limitRate({ postgresUrl, signal }: Bench, n: number): Promise<number> {
  const running = await limit.setUp(postgresUrl, signal);
  try {
    await running.run(n);
    return n / (await running.run(n));
  } finally {
    await running.tearDown();
  }
}

function rowsOf({ what, least, rates, megabytes }: Way, limits: readonly number[]): Row[] {
  const ratio = { values: ratios(rates, limits), to: 'the limit' };
  return [
    { what, unit: 'results/s', values: rates, ratio, goal: { of: 'ratio', least } },
    { what: `${what}: resident memory over idle`, unit: 'MB', values: megabytes, goal: memoryGoal },
  ];
}
