import { NotAvailable } from '../support/client.ts';
import { checkpoint } from '../support/postgres.ts';
import { watchMemory } from '../support/processes.ts';
import { type Product, startProduct } from '../support/product.ts';
import { startReceiver } from '../support/receiver.ts';
import { batchBody } from '../support/workload.ts';
import type { Goal, Row, Target } from './target.ts';

const JOBS = 100_000;
const NAME = 'results';
const rateGoal: Goal = { of: 'figure', least: 150_000 };
const memoryGoal: Goal = { of: 'figure', most: 64 };

/** One way that results take out. */
interface Way {
  what: string;
  /** Resolves when all results have arrived. */
  take(): Promise<void>;
}

export const target: Target = {
  id: 'S6',
  title: 'results on their way out',
  method:
    'the results of W(100k), ended before: as an NDJSON stream from the GET sent to its last line, and as a callback ' +
    'from `repost` to its last byte; the memory is what the API and its worker have resident together beyond what ' +
    'they had just before',
  limitSeconds: 120,
  async measure(bench) {
    const n = bench.size(JOBS);
    await using receiver = await startReceiver();
    await using product = await startProduct(bench.postgresUrl, bench.signal);
    const { client } = product;
    const first = receiver.received(NAME, bench.signal);
    const asyncId = await client.run(batchBody(n, receiver.urlOf(NAME)));
    await Promise.all([client.ended(asyncId), first]);
    await checkpoint(bench.postgresUrl);
    const stream: Way = {
      what: 'results as an NDJSON stream',
      async take() {
        const count = await client.countResults(asyncId);
        if (count !== n) throw new Error(`${count} of ${n} results were streamed`);
      },
    };
    const callback: Way = {
      what: 'results as a callback',
      async take() {
        const received = receiver.received(NAME, bench.signal);
        await Promise.all([client.repost(asyncId), received]);
      },
    };
    return [
      ...(await measureWay(stream, { rounds: bench.rounds, n, product })),
      ...(await measureWay(callback, { rounds: bench.rounds, n, product })),
    ];
  },
};

async function measureWay(
  { what, take }: Way,
  { rounds, n, product }: { rounds: number; n: number; product: Product },
): Promise<Row[]> {
  const rate = { what, unit: 'results/s', goal: rateGoal };
  const memory = { what: `${what}: resident memory over idle`, unit: 'MB', goal: memoryGoal };
  const [rates, megabytes]: [number[], number[]] = [[], []];
  try {
    while (rates.length < rounds) {
      const watch = watchMemory(product.pids);
      const startedAt = performance.now();
      await take();
      rates.push(n / ((performance.now() - startedAt) / 1000));
      megabytes.push(watch.stop());
    }
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    const missing = `not available yet: ${error.message}`;
    return [rate, memory].map((row) => ({ ...row, values: [], missing }));
  }
  return [
    { ...rate, values: rates },
    { ...memory, values: megabytes },
  ];
}
