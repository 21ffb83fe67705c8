/**
 * The engine without HTTP: `submit` in this process, as in the API, and worker processes forked like those of
 * `npm start`.
 */
import type { Pool } from 'pg';
import pino from 'pino';
import { callbackHeaderCipher } from '../../src/access/callback-headers.ts';
import { loadPlugins, migrateAll } from '../../src/app/prepare.ts';
import { readConfig } from '../../src/config/config.ts';
import { toBatchId } from '../../src/domain/batch.ts';
import type { Caller } from '../../src/domain/caller.ts';
import type { EnvelopeEvent } from '../../src/json/envelope-scanner.ts';
import { Releaser } from '../../src/pipeline/plan/releaser.ts';
import { createCallbackUrlCheck } from '../../src/pipeline/submit/callback-url.ts';
import { ProcessLock } from '../../src/pipeline/submit/process-lock.ts';
import { SmallBatches } from '../../src/pipeline/submit/small-batches.ts';
import { type SubmitDeps, submit } from '../../src/pipeline/submit/submit.ts';
import { Uploads } from '../../src/pipeline/submit/uploads.ts';
import { createPool } from '../../src/postgres/pools.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { endedAmong, findAnyBatch } from '../../src/store/batches.ts';
import { createLargeJobChecker } from '../../src/validation/large-jobs.ts';
import { PLUGIN_DIR, startMain } from '../support/main-process.ts';
import { createDatabase } from '../support/postgres.ts';
import { WORKER_READY } from '../support/product.ts';
import { until } from '../support/until.ts';
import { type Action, jobText, range, slices } from '../support/workload.ts';
import { type Engine, type RunningEngine, seconds } from './engine.ts';

const CALLER: Caller = { tenant: 'default', keyId: 'admin', permissions: ['*'] };
/** Jobs given to `submit` at once: about the 64 KiB that the API's scanner gets at once. */
const JOBS_AT_ONCE = 600;

/** @param workers number of worker processes; `npm start` has one */
export function ours({ workers = 1, action = 'echo' }: { workers?: number; action?: Action } = {}): Engine {
  return {
    name: 'ours',
    measured: `ours: submit → all results, ${workers} worker process${workers > 1 ? 'es' : ''}`,
    settings: `default settings; submit in the benchmark's process, WORKERS=${workers} of src/main.ts, action bench.${action}`,

    async setUp(postgresUrl, signal): Promise<RunningEngine> {
      await using stack = new AsyncDisposableStack();
      const { url } = stack.use(await createDatabase(postgresUrl));
      const deps = await startSubmitting(stack, url);
      const processes = range(0, workers, () => startMain({ env: { ROLE: 'worker', DATABASE_URL: url } }));
      stack.defer(() => Promise.all(processes.map((main) => main.stop())).then(() => {}));
      await Promise.all(processes.map((main) => main.says(WORKER_READY, signal)));
      const kept = stack.move();
      return {
        run: (n) => seconds(() => runBatch(deps, { n, action }, signal)),
        tearDown: () => kept.disposeAsync(),
      };
    },
  };
}

/** The dependencies that `startApi` gives to `submit`. */
async function startSubmitting(
  stack: AsyncDisposableStack,
  url: string,
): Promise<SubmitDeps & { pool: Pool }> {
  const log = pino({ level: 'warn' });
  const config = readConfig({ DATABASE_URL: url, PLUGIN_DIR });
  const registry = await loadPlugins(config);
  await migrateAll(url, registry, log);
  const openPool = (applicationName: string, forCopy = false): Pool => {
    const pool = createPool({ url, max: 4, applicationName, log, forCopy });
    stack.defer(() => pool.end());
    return pool;
  };
  const pool = openPool('bench');
  const copyPool = openPool('bench ingest', true);
  const queue = await startQueue({
    url,
    queues: registry.queues,
    applicationName: 'bench queue',
    max: 4,
    log,
  });
  stack.defer(() => queue.stop());
  const largeJobs = createLargeJobChecker(registry);
  stack.defer(() => largeJobs.close());
  const processLock = new ProcessLock({ url, applicationName: 'bench process' });
  const uploads = new Uploads({ pool, copyPool, queue, processLock, log });
  stack.defer(() => uploads.close());
  return {
    pool,
    uploads,
    smallBatches: new SmallBatches({ pool, queue }),
    queue,
    registry,
    largeJobs,
    log,
    releaser: new Releaser({ pool, queue, registry, log }),
    limits: {
      maxJobs: Number.POSITIVE_INFINITY,
      maxDependencies: config.maxDependencies,
      retentionDays: config.retentionDays,
    },
    checkCallbackUrl: createCallbackUrlCheck(config.callbackAllow),
    encryptCallbackHeaders: callbackHeaderCipher(undefined).encrypt,
  };
}

async function runBatch(
  deps: SubmitDeps & { pool: Pool },
  { n, action }: { n: number; action: Action },
  signal: AbortSignal,
): Promise<void> {
  const batchId = toBatchId(await submit(deps, { caller: CALLER, events: jobEvents(n, action) }));
  await until(async () => (await endedAmong(deps.pool, [batchId])).length === 1, { signal });
  const batch = await findAnyBatch(deps.pool, batchId);
  if (batch?.succeeded !== n) throw new Error(`${batch?.succeeded} of ${n} jobs succeeded`);
}

async function* jobEvents(n: number, action: Action): AsyncGenerator<EnvelopeEvent[]> {
  for (const [from, to] of slices(n, JOBS_AT_ONCE)) {
    yield range(from, to, (index): EnvelopeEvent => {
      return { kind: 'element', value: Buffer.from(jobText(index, action)) };
    });
  }
  yield [{ kind: 'array-end' }];
}
