/** BullMQ on its own Redis; the value stored with a completed job is the result. */
import { importPeer } from '../support/peer.ts';
import { redisVersion, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, type Echo, echo, range, slices } from '../support/workload.ts';
import { type Engine, LeftOut, type RunningEngine, seconds } from './engine.ts';

/** The used part of its interface. */
interface BullMq {
  Queue: new (name: string, options: object) => Queue;
  Worker: new (name: string, handle: (job: { data: Echo }) => Promise<unknown>, options: object) => Worker;
}

interface Queue {
  addBulk(jobs: { name: string; data: Echo }[]): Promise<unknown>;
  getCompletedCount(): Promise<number>;
  obliterate(options: { force: boolean }): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface Worker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

const NAME = 'echo';
const JOBS_AT_ONCE = 1000;
const CONCURRENCY = 100;

export const bullMq: Engine = {
  name: 'BullMQ',
  measured: 'BullMQ on Redis, with results',
  settings:
    `Redis of its own with AOF, appendfsync everysec, no snapshots; concurrency ${CONCURRENCY}; ` +
    `addBulk of ${JOBS_AT_ONCE} at once while it drains`,

  async setUp(_postgresUrl, signal): Promise<RunningEngine> {
    const { Queue, Worker } = await importPeer<BullMq>('bullmq');
    if ((await redisVersion()) === null) throw new LeftOut('redis-server is not installed');
    await using stack = new AsyncDisposableStack();
    const { port } = stack.use(await startRedis());
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
    const queue = new Queue(NAME, { connection });
    stack.defer(() => queue.close());
    let handled = 0;
    const worker = new Worker(
      NAME,
      async ({ data }) => {
        handled += 1;
        return answer(data.n);
      },
      { connection, concurrency: CONCURRENCY },
    );
    stack.defer(() => worker.close(true));
    worker.on('error', (error) => process.stderr.write(`BullMQ: ${error.message}\n`));
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
    const kept = stack.move();
    return {
      async run(n) {
        const before = await queue.getCompletedCount();
        handled = 0;
        return seconds(async () => {
          for (const [from, to] of slices(n, JOBS_AT_ONCE))
            await queue.addBulk(range(from, to, (number) => ({ name: NAME, data: echo(number) })));
          await until(() => handled >= n, { signal });
          await until(async () => (await queue.getCompletedCount()) - before === n, { signal });
        });
      },
      tearDown: () => kept.disposeAsync(),
    };
  },
};
