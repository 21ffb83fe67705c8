/** BullMQ with a batch as a flow: a parent with the jobs as its children, whose results it returns. */
import { importPeer } from '../support/peer.ts';
import { redisVersion, startRedis } from '../support/redis.ts';
import { CLIENTS, fromClients, JOBS_EACH } from '../support/small-batches.ts';
import { until } from '../support/until.ts';
import { answer, type Echo, echo, range } from '../support/workload.ts';
import { type Engine, LeftOut, type RunningEngine, seconds } from './engine.ts';

/** The used part of its interface. */
interface BullMq {
  FlowProducer: new (options: object) => { add(flow: Flow): Promise<unknown>; close(): Promise<void> };
  Queue: new (
    name: string,
    options: object,
  ) => { getCompletedCount(): Promise<number>; close(): Promise<void> };
  Worker: new (name: string, handle: (job: Job) => Promise<unknown>, options: object) => Worker;
}

interface Flow {
  name: string;
  queueName: string;
  children: { name: string; queueName: string; data: Echo }[];
}

interface Job {
  data: Echo;
  getChildrenValues(): Promise<object>;
}

interface Worker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

const CHILDREN = 'echo';
const PARENTS = 'batch';
const CONCURRENCY = 100;

export const bullMqFlow: Engine = {
  name: 'BullMQ’s flow',
  measured: `BullMQ: flows of ${JOBS_EACH} children and a parent that returns their results`,
  settings:
    `Redis of its own with AOF, appendfsync everysec, no snapshots; a FlowProducer, ${CLIENTS} adds at a time; ` +
    `a worker for children and one for parents, concurrency ${CONCURRENCY} each`,
  counted: 'batches',

  async setUp(_postgresUrl, signal): Promise<RunningEngine> {
    const { FlowProducer, Queue, Worker } = await importPeer<BullMq>('bullmq');
    if ((await redisVersion()) === null) throw new LeftOut('redis-server is not installed');
    await using stack = new AsyncDisposableStack();
    const { port } = stack.use(await startRedis());
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
    const producer = stack.adopt(new FlowProducer({ connection }), (opened) => opened.close());
    const parents = stack.adopt(new Queue(PARENTS, { connection }), (opened) => opened.close());
    let handled = 0;
    const handlers = {
      [CHILDREN]: async ({ data }: Job) => answer(data.n),
      [PARENTS]: async (job: Job) => {
        handled += 1;
        return await job.getChildrenValues();
      },
    };
    for (const [name, handle] of Object.entries(handlers)) {
      const worker = new Worker(name, handle, { connection, concurrency: CONCURRENCY });
      stack.defer(() => worker.close(true));
      worker.on('error', (error) => process.stderr.write(`BullMQ: ${error.message}\n`));
      await worker.waitUntilReady();
    }
    const kept = stack.move();
    return {
      async run(n) {
        const before = await parents.getCompletedCount();
        handled = 0;
        return seconds(async () => {
          await fromClients(n, (batch) => producer.add(flowOf(batch)));
          await until(() => handled >= n, { signal });
          await until(async () => (await parents.getCompletedCount()) - before === n, { signal });
        });
      },
      tearDown: () => kept.disposeAsync(),
    };
  },
};

function flowOf(batch: number): Flow {
  const child = (n: number) => ({ name: CHILDREN, queueName: CHILDREN, data: echo(n) });
  const first = batch * JOBS_EACH;
  return { name: PARENTS, queueName: PARENTS, children: range(first, first + JOBS_EACH, child) };
}
