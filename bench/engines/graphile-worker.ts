/** graphile-worker; it stores no results, so the handler writes each into a table before its job ends. */
import pg from 'pg';
import { importPeer } from '../support/peer.ts';
import { createDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { answer, type Echo, echo, range, slices } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

/** The used part of its interface. */
interface GraphileWorker {
  Logger: new (factory: () => () => void) => object;
  run(options: object): Promise<{ stop(): Promise<void> }>;
  makeWorkerUtils(options: object): Promise<{
    addJobs(jobs: { identifier: string; payload: Echo }[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
}

interface Helpers {
  query(statement: string, values: unknown[]): Promise<unknown>;
}

const JOBS_AT_ONCE = 1000;
const CONCURRENCY = 24;

export const graphileWorker: Engine = {
  name: 'graphile-worker',
  measured: 'graphile-worker tuned, with results',
  settings:
    `as its page on performance has it: concurrentJobs ${CONCURRENCY}, localQueue.size 500, ` +
    `completeJobBatchDelay 0, failJobBatchDelay 0; a pool of ${2 * CONCURRENCY}, for the handlers write too; ` +
    `addJobs of ${JOBS_AT_ONCE} at once while it drains`,

  async setUp(postgresUrl, signal): Promise<RunningEngine> {
    const { Logger, run, makeWorkerUtils } = await importPeer<GraphileWorker>('graphile-worker');
    await using stack = new AsyncDisposableStack();
    const { url } = stack.use(await createDatabase(postgresUrl));
    const pool = new pg.Pool({ connectionString: url, max: 2 * CONCURRENCY });
    const onError = ({ message }: Error) => process.stderr.write(`graphile-worker: ${message}\n`);
    pool.on('error', onError).on('connect', (client) => client.on('error', onError));
    stack.defer(() => pool.end());
    await pool.query('create table result (id integer primary key, response json not null)');
    const batching = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
    const logger = new Logger(() => () => {});
    const options = {
      pgPool: pool,
      preset: { worker: { concurrentJobs: CONCURRENCY, logger, ...batching } },
    };
    const utils = await makeWorkerUtils(options);
    stack.defer(() => utils.release());
    let handled = 0;
    const runner = await run({
      ...options,
      noHandleSignals: true,
      parsedCronItems: [],
      taskList: {
        async echo({ n }: Echo, helpers: Helpers) {
          await helpers.query('insert into result values ($1, $2)', [n, answer(n)]);
          handled += 1;
        },
      },
    });
    stack.defer(() => runner.stop());
    const kept = stack.move();
    return {
      async run(n) {
        await pool.query('truncate result');
        handled = 0;
        return seconds(async () => {
          for (const [from, to] of slices(n, JOBS_AT_ONCE))
            await utils.addJobs(range(from, to, (number) => ({ identifier: 'echo', payload: echo(number) })));
          await until(() => handled >= n, { signal });
          await until(async () => (await countResults(pool)) === n, { signal });
        });
      },
      tearDown: () => kept.disposeAsync(),
    };
  },
};

async function countResults(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('select count(*)::int as count from result');
  return rows[0].count;
}
