import { type LoopDelay, type LoopDelays, watchLoops } from '../support/loop-delay.ts';
import { startProduct, warmUp } from '../support/product.ts';
import { startReceiver } from '../support/receiver.ts';
import { batchBody, batchLines, jobText } from '../support/workload.ts';
import type { Row, Target } from './target.ts';

const JSON_BYTES = 64 * 1024 * 1024;
const NDJSON_JOBS = 1_000_000;
const CALLBACK_JOBS = 100_000;
const MOST_P99_MS = 50;
const MOST_PAUSE_MS = 100;
const NAME = 'callback';

export const target: Target = {
  id: 'S7',
  title: 'the event loop',
  method:
    'its delay as monitorEventLoopDelay has it (a look every 10 ms, which are taken off), in the API’s process from ' +
    'the first byte sent to the answer, and for the callback, which the worker sends, in the worker’s',
  async measure(bench) {
    await using receiver = await startReceiver();
    await using loops = await watchLoops();
    const env = { ...loops.env, MAX_JOBS_PER_BATCH: '1000000', MAX_NDJSON_JOBS: '1000000' };
    await using product = await startProduct(bench.postgresUrl, bench.signal, {
      env,
      imports: loops.imports,
    });
    const { client } = product;
    await warmUp(product);

    const json = batchBody(bench.size(jobsWithin(JSON_BYTES)));
    const posted = await delays(bench.rounds, loops, 'api', async (measured) => {
      await client.ended(await measured(() => client.run(json)));
    });
    const ndjsonJobs = bench.size(NDJSON_JOBS);
    const lines = batchLines(ndjsonJobs);
    await client.ended(await client.runLines(batchLines(1)));
    const streamed = await delays(bench.rounds, loops, 'api', async (measured) => {
      await client.ended(await measured(() => client.runLines(lines)));
    });
    const callbackJobs = bench.size(CALLBACK_JOBS);
    const delivered = receiver.received(NAME, bench.signal);
    const asyncId = await client.run(batchBody(callbackJobs, receiver.urlOf(NAME)));
    await delivered;
    const calledBack = await delays(bench.rounds, loops, 'worker', async (measured) => {
      const again = receiver.received(NAME, bench.signal);
      await measured(() => Promise.all([client.repost(asyncId), again]));
    });
    return [
      ...rows(`API during a JSON POST of ${(json.length / 2 ** 20).toFixed(0)} MiB`, posted),
      ...rows(`API during an NDJSON POST of ${ndjsonJobs.toLocaleString('en')} jobs`, streamed),
      ...rows(`worker during a callback of ${callbackJobs.toLocaleString('en')} results`, calledBack),
    ];
  },
};

/** The largest N whose W(N) fits into a JSON body of this size. */
function jobsWithin(bytes: number): number {
  return Math.floor((bytes - 100) / (jobText(999_999).length + 1));
}

/** The delays of each round, while `measured` ran its work. */
async function delays(
  rounds: number,
  loops: LoopDelays,
  role: 'api' | 'worker',
  round: (measured: <Value>(work: () => Promise<Value>) => Promise<Value>) => Promise<void>,
): Promise<LoopDelay[]> {
  const found: LoopDelay[] = [];
  while (found.length < rounds)
    await round(async (work) => {
      await loops.of(role);
      const value = await work();
      found.push(await loops.of(role));
      return value;
    });
  return found;
}

function rows(what: string, found: readonly LoopDelay[]): Row[] {
  const row = (name: 'p99' | 'max', of: string, most: number): Row => ({
    what: `${what}: ${of}`,
    unit: 'ms',
    values: found.map((delay) => delay[name]),
    goal: { of: 'figure', most },
  });
  return [row('p99', 'p99 delay', MOST_P99_MS), row('max', 'longest pause', MOST_PAUSE_MS)];
}
