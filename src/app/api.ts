/** Assembles the API: gives each folder the parts that it must not import. */

import { createKeys } from '../access/keys.ts';
import { createTenants } from '../access/tenants.ts';
import { DEFAULT_TENANT } from '../domain/caller.ts';
import { createHttpApp } from '../http/app.ts';
import { createEndWatch } from '../pipeline/call/end-watch.ts';
import { createPluginPipeline } from '../pipeline/call/plugin-pipeline.ts';
import { createActionCatalogue } from '../pipeline/read/action-catalogue.ts';
import { createBatchWatch } from '../pipeline/read/batch-watch.ts';
import { createRouteSql } from '../pipeline/run/sql/route-sql.ts';
import { createCallbackUrlCheck } from '../pipeline/submit/callback-url.ts';
import { ProcessLock } from '../pipeline/submit/process-lock.ts';
import { SmallBatches } from '../pipeline/submit/small-batches.ts';
import { TenantTurns } from '../pipeline/submit/tenant-turns.ts';
import { Uploads } from '../pipeline/submit/uploads.ts';
import { startRetention } from '../pipeline/upkeep/retention.ts';
import { type StallTimes, startStallWatch } from '../pipeline/upkeep/stall-watch.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { startQueue } from '../queue/queue.ts';
import type { Registry } from '../registry/registry.ts';
import { createLargeJobChecker } from '../validation/large-jobs.ts';
import type { listen } from './listen.ts';
import { sessionUrl } from './prepare.ts';
import { type AppOptions, JOB_GRACE_MS, QUEUE_CONNECTIONS, type Running } from './running.ts';

/** Large requests written at once; each holds a connection only while the database writes. */
const COPY_CONNECTIONS = 4;
const API_CONNECTIONS = 10;
/** Concurrent statements of plugins' routes: one namespace may use four while no other needs them. */
const ROUTE_CONNECTIONS = 8;
/** Readers of results with pages in memory at once: about 15 MB each. */
const RESULTS_AT_ONCE = 4;
/** Callers of a single action get the asyncId when their job takes longer than the workers' grace period. */
const ALONE_GRACE_MS = 18_000;

export async function startApi(
  options: AppOptions & {
    registry: Registry;
    adminKey: string;
    /** The value of `readSecretKey`. */
    secretKey: string | undefined;
    listening: Awaited<ReturnType<typeof listen>>;
    /** How long a caller of a single action waits; 30 s when absent. */
    aloneWaitMs?: number | undefined;
    /** The times of the stall watch; production's when absent. */
    stallTimes?: StallTimes | undefined;
  },
): Promise<Running> {
  const { config, databaseUrl: url, log, registry, listening } = options;
  // Disposed when the start fails, and at the end.
  await using opened = new AsyncDisposableStack();
  const openPool = (name: string, max: number, forCopy = false) =>
    opened.adopt(createPool({ url, max, applicationName: `batchwright ${name}`, log, forCopy }), (pool) =>
      pool.end(),
    );
  const pool = openPool('api', API_CONNECTIONS);
  const copyPool = openPool('ingest', COPY_CONNECTIONS, true);
  const routePool = openPool('routes', ROUTE_CONNECTIONS);
  const queue = opened.adopt(
    await startQueue({
      url: sessionUrl(config, url),
      queues: registry.queues,
      applicationName: 'batchwright api queue',
      max: QUEUE_CONNECTIONS,
      log,
    }),
    (started) => started.stop(),
  );
  const keys = createKeys({
    pool,
    adminKey: options.adminKey,
    secretKey: options.secretKey,
  });
  const tenants = createTenants({ pool, callbackSecret: config.callbackSecret });
  const largeJobs = createLargeJobChecker(registry);
  const processLock = new ProcessLock({
    url: sessionUrl(config, url),
    applicationName: 'batchwright api process',
  });
  const uploads = opened.adopt(new Uploads({ pool, copyPool, queue, processLock, log }), (started) =>
    started.close(),
  );
  const pipeline = {
    pool,
    uploads,
    smallBatches: new SmallBatches({ pool, queue }),
    queue,
    queues: registry.queues,
    registry,
    largeJobs,
    log,
    limits: { maxJobs: config.maxJobsPerBatch, retentionDays: config.retentionDays },
    checkCallbackUrl: createCallbackUrlCheck(config.callbackAllow, options.lookup),
    endWatch: createEndWatch(pool),
    watch: createBatchWatch(pool),
    aloneWaitMs: options.aloneWaitMs,
    resultTurns: new TenantTurns(RESULTS_AT_ONCE),
  };
  const ping = createPing(pool);
  opened.adopt(startStallWatch({ pool, queues: registry.queues, log }, options.stallTimes), (watch) =>
    watch.stop(),
  );
  const retention = opened.adopt(startRetention({ pool, log }), (started) => started.stop());
  await tenants.callbackSecret(DEFAULT_TENANT); // a tenant exists from its first mention, this one from the start
  await keys.logUnreadableSecrets(log);
  listening.serve(
    await createHttpApp({
      ...pipeline,
      bodyLimits: { maxBodyBytes: config.maxBodyBytes, maxJobBytes: config.maxJobBytes },
      keys,
      tenants,
      pluginPipeline: createPluginPipeline(pipeline),
      routeSqlOf: createRouteSql(routePool),
      actions: createActionCatalogue(registry),
      maxNdjsonJobs: config.maxNdjsonJobs,
      routes: registry.routes,
      isReady: async () => (await Promise.all([ping(), queue.isReachable()])).every(Boolean),
      rateLimit: config.rateLimit,
      trustProxy: config.trustProxy,
      publicUrl: config.publicUrl,
    }),
  );
  const closing = opened.move();
  return {
    async drain() {
      void retention.stop(); // awaited with the others
      pipeline.watch.close();
      setTimeout(() => pipeline.endWatch.close(), ALONE_GRACE_MS).unref();
      await listening.close(JOB_GRACE_MS);
      await largeJobs.close();
      await closing.disposeAsync();
    },
  };
}
