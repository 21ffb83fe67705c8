/** Assembles the API: gives each folder the parts that it must not import. */

import type { Pool } from 'pg';
import { callbackHeaderCipher } from '../access/callback-headers.ts';
import { startKeyUse } from '../access/key-use.ts';
import { createKeys } from '../access/keys.ts';
import { startReencryption } from '../access/reencryption.ts';
import { createSecretCipher } from '../access/secret-cipher.ts';
import { createTenants } from '../access/tenants.ts';
import { VERSION } from '../config/version.ts';
import { DEFAULT_TENANT } from '../domain/caller.ts';
import { createHttpApp } from '../http/app.ts';
import type { ChildFigures } from '../metrics/child-figures.ts';
import type { ProcessFigures } from '../metrics/process-figures.ts';
import { createEndWatch } from '../pipeline/call/end-watch.ts';
import { createPluginPipeline } from '../pipeline/call/plugin-pipeline.ts';
import { TestCallbacks } from '../pipeline/deliver/test-callback.ts';
import { Releaser } from '../pipeline/plan/releaser.ts';
import { createActionCatalogue } from '../pipeline/read/action-catalogue.ts';
import { createBatchFigures } from '../pipeline/read/batch-figures.ts';
import { createBatchWatch } from '../pipeline/read/batch-watch.ts';
import { createRouteSql } from '../pipeline/run/sql/route-sql.ts';
import { createCallbackUrlCheck } from '../pipeline/submit/callback-url.ts';
import { ProcessLock } from '../pipeline/submit/process-lock.ts';
import { SmallBatches } from '../pipeline/submit/small-batches.ts';
import { TenantTurns } from '../pipeline/submit/tenant-turns.ts';
import { Uploads } from '../pipeline/submit/uploads.ts';
import { startPurge } from '../pipeline/upkeep/purge.ts';
import { startRetention } from '../pipeline/upkeep/retention.ts';
import { type StallTimes, startStallWatch } from '../pipeline/upkeep/stall-watch.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { type Queue, startQueue } from '../queue/queue.ts';
import type { Registry } from '../registry/registry.ts';
import { createLargeJobChecker } from '../validation/large-jobs.ts';
import type { listen } from './listen.ts';
import { apiMetrics, areMetricsOpen, startProcessFigures } from './metrics.ts';
import { sessionUrl } from './prepare.ts';
import { type AppOptions, JOB_GRACE_MS, QUEUE_CONNECTIONS, type Running } from './running.ts';

/** Large requests written at once; each holds a connection only while the database writes. */
const COPY_CONNECTIONS = 4;
const API_CONNECTIONS = 10;
/** Concurrent statements of plugins' routes: one namespace may use four while no other needs them. */
const ROUTE_CONNECTIONS = 8;
/** Readers of results with pages in memory at once: about 15 MB each. */
const RESULTS_AT_ONCE = 4;
/** Figures over all results of a batch that the database makes at once; each keeps a processor busy. */
const FIGURES_AT_ONCE = 2;
/** Callers of a single action get the asyncId when their job takes longer than the workers' grace period. */
const CALL_GRACE_MS = 18_000;

interface ApiOptions extends AppOptions {
  registry: Registry;
  adminKey: string;
  /** The value of `readSecretKeys`. */
  secretKeys: readonly string[] | undefined;
  listening: Awaited<ReturnType<typeof listen>>;
  /** The figures of the workers that this process forks. */
  workerFigures?: ChildFigures | undefined;
  /** How long a caller of a single action waits; 30 s when absent. */
  callWaitMs?: number | undefined;
  /** The times of the stall watch; production's when absent. */
  stallTimes?: StallTimes | undefined;
}

export async function startApi(options: ApiOptions): Promise<Running> {
  const { listening } = options;
  // Disposed when the start fails, and at the end.
  await using opened = new AsyncDisposableStack();
  const figures = areMetricsOpen(options.config)
    ? opened.adopt(startProcessFigures(), (started) => started.close())
    : null;
  const pools = openPools(opened, options);
  const queue = await openQueue(opened, options);
  const pipeline = createPipeline(opened, options, { ...pools, queue });
  const retention = startDuties(opened, options, pools.pool);
  const access = await openAccess(opened, options, pools.pool);
  listening.serve(await createApp(options, { ...access, ...pools, pipeline, figures }));
  const closing = opened.move();
  return {
    async drain() {
      void retention.stop(); // awaited with the others
      pipeline.watch.close();
      setTimeout(() => pipeline.endWatch.close(), CALL_GRACE_MS).unref();
      await listening.close(JOB_GRACE_MS);
      await pipeline.largeJobs.close();
      await closing.disposeAsync();
    },
  };
}

type Pools = ReturnType<typeof openPools>;

function openPools(opened: AsyncDisposableStack, { databaseUrl: url, log }: ApiOptions) {
  const open = (name: string, max: number, forCopy = false) =>
    opened.adopt(createPool({ url, max, applicationName: `batchwright ${name}`, log, forCopy }), (pool) =>
      pool.end(),
    );
  return {
    pool: open('api', API_CONNECTIONS),
    copyPool: open('ingest', COPY_CONNECTIONS, true),
    routePool: open('routes', ROUTE_CONNECTIONS),
  };
}

async function openQueue(
  opened: AsyncDisposableStack,
  { config, databaseUrl, registry, log }: ApiOptions,
): Promise<Queue> {
  const queue = await startQueue({
    url: sessionUrl(config, databaseUrl),
    queues: registry.queues,
    applicationName: 'batchwright api queue',
    max: QUEUE_CONNECTIONS,
    log,
  });
  return opened.adopt(queue, (started) => started.stop());
}

/** What the routes of batches and of single actions need. */
function createPipeline(
  opened: AsyncDisposableStack,
  { config, databaseUrl, secretKeys, registry, log, lookup, callWaitMs }: ApiOptions,
  { pool, copyPool, queue }: Pools & { queue: Queue },
) {
  const processLock = new ProcessLock({
    url: sessionUrl(config, databaseUrl),
    applicationName: 'batchwright api process',
  });
  const uploads = new Uploads({ pool, copyPool, queue, processLock, log });
  return {
    pool,
    uploads: opened.adopt(uploads, (started) => started.close()),
    smallBatches: new SmallBatches({ pool, queue }),
    queue,
    queues: registry.queues,
    registry,
    largeJobs: createLargeJobChecker(registry),
    log,
    limits: {
      maxJobs: config.maxJobsPerBatch,
      maxDependencies: config.maxDependencies,
      retentionDays: config.retentionDays,
    },
    releaser: opened.adopt(new Releaser({ pool, queue, registry, log }), (releaser) => releaser.idle()),
    encryptCallbackHeaders: callbackHeaderCipher(secretKeys).encrypt,
    checkCallbackUrl: createCallbackUrlCheck(config.callbackAllow, lookup),
    endWatch: createEndWatch(pool),
    watch: createBatchWatch(pool),
    figures: createBatchFigures(pool, new TenantTurns(FIGURES_AT_ONCE)),
    purge: opened.adopt(startPurge({ pool, log }), (started) => started.stop()),
    callWaitMs,
    resultTurns: new TenantTurns(RESULTS_AT_ONCE),
  };
}

/** The audit outlives the batches that it is about: by ten times, and for a quarter of a year at least. */
function auditDays({ retentionDays }: ApiOptions['config']): number {
  return Math.max(90, 10 * retentionDays);
}

/** Starts what the API does without a request. */
function startDuties(
  opened: AsyncDisposableStack,
  { config, registry, secretKeys, log, stallTimes }: ApiOptions,
  pool: Pool,
): ReturnType<typeof startRetention> {
  const stallWatch = startStallWatch({ pool, queues: registry.queues, log }, stallTimes);
  opened.adopt(stallWatch, (watch) => watch.stop());
  opened.adopt(startReencryption({ pool, log, secretKeys }), (started) => started.stop());
  return opened.adopt(startRetention({ pool, log, auditDays: auditDays(config) }), (started) =>
    started.stop(),
  );
}

async function openAccess(
  opened: AsyncDisposableStack,
  { config, adminKey, secretKeys, registry, log }: ApiOptions,
  pool: Pool,
) {
  const cipher = createSecretCipher(secretKeys);
  const keys = createKeys({ pool, adminKey, cipher, aliases: registry.permissionAliases });
  const tenants = createTenants({ pool, callbackSecrets: config.callbackSecrets });
  await tenants.callbackSecrets(DEFAULT_TENANT); // a tenant exists from its first mention, this one from the start
  await keys.logUnreadableSecrets(log);
  const keyUse = opened.adopt(startKeyUse({ pool, log }), (started) => started.stop());
  return { keys, keyUse, tenants };
}

/** Throws a StartError when the routes of a plugin cannot be added. */
function createApp(
  { config, registry, workerFigures, lookup }: ApiOptions,
  {
    pipeline,
    keys,
    keyUse,
    tenants,
    pool,
    routePool,
    figures,
  }: Pools &
    Awaited<ReturnType<typeof openAccess>> & {
      pipeline: ReturnType<typeof createPipeline>;
      figures: ProcessFigures | null;
    },
): ReturnType<typeof createHttpApp> {
  const ping = createPing(pool);
  const { callbackAllow: allow } = config;
  return createHttpApp({
    ...pipeline,
    testCallbacks: new TestCallbacks({ pool, allow, lookup, signingSecrets: tenants.signingSecrets }),
    bodyLimits: { maxBodyBytes: config.maxBodyBytes, maxJobBytes: config.maxJobBytes },
    keys,
    keyUse,
    tenants,
    pluginPipeline: createPluginPipeline({ ...pipeline, callbackForms: registry.callbacks }),
    routeSqlOf: createRouteSql(routePool),
    actions: createActionCatalogue(registry),
    version: VERSION,
    maxNdjsonJobs: config.maxNdjsonJobs,
    routes: registry.routes,
    isReady: async () => (await Promise.all([ping(), pipeline.queue.isReachable()])).every(Boolean),
    system: {
      pool,
      queues: registry.queues,
      version: VERSION,
      limits: {
        maxJobsPerBatch: config.maxJobsPerBatch,
        maxNdjsonJobs: config.maxNdjsonJobs,
        maxBodyBytes: config.maxBodyBytes,
        maxJobBytes: config.maxJobBytes,
        rateLimit: config.rateLimit,
        retentionDays: config.retentionDays,
      },
    },
    metrics:
      figures && apiMetrics(figures, { config, pool, queues: registry.queues, children: workerFigures }),
    rateLimit: config.rateLimit,
    trustProxy: config.trustProxy,
    publicUrl: config.publicUrl,
  });
}
