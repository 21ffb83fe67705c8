/** pg-boss with one of its jobs per job; the output stored with a completed job is the result. */
import { type Job, type JobResult, PgBoss } from 'pg-boss';
import { createPool } from '../../src/postgres/pools.ts';
import { silentLog } from '../../test/support/silent-log.ts';
import { createDatabase } from '../support/postgres.ts';
import { CLIENTS, fromClients, JOBS_EACH } from '../support/small-batches.ts';
import { until } from '../support/until.ts';
import { answer, type Echo, echo, range, slices } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

const QUEUE = 'echo';
const JOBS_AT_ONCE = 1000;
const WORKERS = 2;
const DRAINING =
  `${WORKERS} workers drain; batchSize ${JOBS_AT_ONCE}, perJobResults, burstWhenBatchFull, polling at its ` +
  'fastest (0.5 s), NOTIFY; no schedules';

/** Inserts the jobs whose numbers are in [from, to), in one call. */
type Insert = (from: number, to: number) => Promise<unknown>;

export const pgBoss: Engine = {
  name: 'pg-boss',
  measured: 'pg-boss tuned, enqueue and drain overlapped',
  settings: `insert of ${JOBS_AT_ONCE} jobs at once while ${DRAINING}`,
  setUp: (postgresUrl, signal) =>
    setUp(postgresUrl, signal, {
      jobsOf: (n) => n,
      async enqueue(n, insert) {
        for (const [from, to] of slices(n, JOBS_AT_ONCE)) await insert(from, to);
      },
    }),
};

export const pgBossSmall: Engine = {
  name: 'pg-boss bare',
  measured: `pg-boss: inserts of ${JOBS_EACH} jobs a call, no parent`,
  settings: `insert of ${JOBS_EACH} jobs a call, ${CLIENTS} calls at a time, while ${DRAINING}`,
  counted: 'batches',
  setUp: (postgresUrl, signal) =>
    setUp(postgresUrl, signal, {
      jobsOf: (n) => n * JOBS_EACH,
      enqueue: (n, insert) => fromClients(n, (batch) => insert(batch * JOBS_EACH, (batch + 1) * JOBS_EACH)),
    }),
};

async function setUp(
  postgresUrl: string,
  signal: AbortSignal,
  { jobsOf, enqueue }: { jobsOf(n: number): number; enqueue(n: number, insert: Insert): Promise<void> },
): Promise<RunningEngine> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await createDatabase(postgresUrl));
  const pool = createPool({ url, max: 1, applicationName: 'pg-boss results', log: silentLog });
  stack.defer(() => pool.end());
  const boss = new PgBoss({ connectionString: url, max: 10, schedule: false, useListenNotify: true });
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  await boss.start();
  stack.defer(() => boss.stop({ graceful: true, timeout: 5_000 }));
  await boss.createQueue(QUEUE, { notify: true });
  let handled = 0;
  await boss.work<Echo>(
    QUEUE,
    {
      batchSize: JOBS_AT_ONCE,
      localConcurrency: WORKERS,
      perJobResults: true,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
      notifyPollingIntervalSeconds: 0.5,
    },
    async (jobs: Job<Echo>[]): Promise<JobResult[]> => {
      handled += jobs.length;
      return jobs.map(({ id, data }) => ({ id, status: 'completed', output: answer(data.n) }));
    },
  );
  const insert: Insert = (from, to) =>
    boss.insert(
      QUEUE,
      range(from, to, (number) => ({ data: echo(number) })),
    );
  const kept = stack.move();
  return {
    async run(n) {
      await boss.deleteAllJobs(QUEUE);
      handled = 0;
      return seconds(async () => {
        await enqueue(n, insert);
        await until(() => handled >= jobsOf(n), { signal });
        await until(async () => (await completed(pool)) === jobsOf(n), { signal });
      });
    },
    tearDown: () => kept.disposeAsync(),
  };
}

async function completed(pool: ReturnType<typeof createPool>): Promise<number> {
  const { rows } = await pool.query(
    `select count(output)::int as count from pgboss.job where name = $1 and state = 'completed'`,
    [QUEUE],
  );
  return rows[0].count;
}
