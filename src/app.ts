/** The composition root: the one file that sees every folder, and hands to each what it must not import. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { migrate, withMigrationLock } from './database/migrate.ts';
import { createPool } from './database/pools.ts';
import { DEFAULT_TENANT } from './domain/caller.ts';
import { createHttpApp } from './http/app.ts';
import { LOOPBACK_ALLOW } from './outbound/address-guard.ts';
import { createHttpService } from './outbound/http-service.ts';
import { createMailer } from './outbound/mail.ts';
import { createActionCatalogue } from './pipeline/action-catalogue.ts';
import { createCallbackUrlCheck } from './pipeline/callback-url.ts';
import { createKeys } from './pipeline/keys.ts';
import { createPluginPipeline } from './pipeline/plugin-pipeline.ts';
import { startRetention } from './pipeline/retention.ts';
import type { RunChunkDeps } from './pipeline/run-chunk.ts';
import { createActionSlots } from './pipeline/run-jobs.ts';
import { createEndWatch } from './pipeline/wait.ts';
import { createBatchWatch } from './pipeline/watch.ts';
import type { Services } from './plugin/context.ts';
import { startQueue } from './queue/queue.ts';
import { createLargeJobChecker } from './registry/large-jobs.ts';
import { loadRegistry, type Registry } from './registry/registry.ts';
import { makePartitions } from './store/partitions.ts';
import { answers } from './store/ping.ts';
import { type Lanes, startLanes } from './worker/lanes.ts';
import type { QuarantineDeps } from './worker/quarantine.ts';
import { runQuarantineTask } from './worker/quarantine-process.ts';
import { superviseWorkers } from './worker/supervisor.ts';
import { type ProcessLimits, startWatchdog } from './worker/watchdog.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** Requests that stream a large body at once; each holds a connection for as long as its caller sends. */
const INGESTS = 4;
const API_CONNECTIONS = 10;
const QUEUE_CONNECTIONS = 4;
/** SIGTERM to exit, at most; the last of it is for closing connections. */
export const DRAIN_MS = 25_000;
const JOB_GRACE_MS = 20_000;
/** Callers of one action alone are told the asyncId when their job outlasts the workers' grace. */
const ALONE_GRACE_MS = 18_000;

export interface AppOptions {
  config: Config;
  databaseUrl: string;
  log: Logger;
}

/** Part of the product that runs in this process. */
export interface Running {
  /** Takes no more work, ends or gives back what is in hand, closes connections. */
  drain(): Promise<void>;
}

/** The plugins of the project and of PLUGIN_DIR, as `loadRegistry` loads them. Throws RegistryError. */
export function loadPlugins(config: Config, isStopping?: () => boolean): Promise<Registry> {
  return loadRegistry(pluginRoots(config), isStopping);
}

function pluginRoots({ pluginDir }: Config): string[] {
  return pluginDir && pluginDir !== ROOT ? [ROOT, pluginDir] : [ROOT];
}

/** The way to the database for migrations and the queue's LISTEN: they need a session, which a pooler may not keep. */
export function sessionUrl(config: Config, databaseUrl: string): string {
  return config.databaseDirectUrl ?? databaseUrl;
}

/** Brings the database up to date; processes that start at once wait for one another. */
export async function migrateAll(databaseUrl: string, registry: Registry, log: Logger): Promise<void> {
  await withMigrationLock(databaseUrl, log, async (client) => {
    await migrate({
      client,
      schema: 'batchwright',
      directory: join(import.meta.dirname, 'store/migrations'),
      log,
    });
    for (const { namespace, directory } of registry.migrations)
      await migrate({ client, schema: namespace, directory, log });
    await makePartitions(client);
  });
}

/** A server that answers 503 until the API behind it is there, so that a taken port is known at once. */
export async function listen(
  config: Config,
): Promise<{ server: Server; url: string; serve(app: RequestListener): void }> {
  let handle: RequestListener = (_request, response) => {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify({ errorCode: 503, message: 'The server is starting' }));
  };
  const server = createServer((request, response) => handle(request, response));
  // Bodies have a limit of their own for idle time; large ones on slow lines may take long.
  server.requestTimeout = 0;
  server.listen(config.port, config.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    server,
    url: `http://${host}:${port}`,
    serve(app) {
      handle = app;
    },
  };
}

export async function startApi(
  options: AppOptions & {
    registry: Registry;
    adminKey: string;
    /** As `readSecretKey` found it. */
    secretKey: string | undefined;
    listening: Awaited<ReturnType<typeof listen>>;
    /** How long a caller of one action alone is kept waiting; 30 s when absent. */
    aloneWaitMs?: number | undefined;
  },
): Promise<Running> {
  const { config, databaseUrl: url, log, registry, listening } = options;
  const pool = createPool({ url, max: API_CONNECTIONS, applicationName: 'batchwright api', log });
  const ingestPool = createPool({
    url,
    max: INGESTS,
    applicationName: 'batchwright ingest',
    log,
    forCopy: true,
  });
  const queue = await startQueue({
    url: sessionUrl(config, url),
    queues: registry.queues,
    applicationName: 'batchwright api queue',
    max: QUEUE_CONNECTIONS,
    log,
  });
  const keys = createKeys({
    pool,
    adminKey: options.adminKey,
    callbackSecret: config.callbackSecret,
    secretKey: options.secretKey,
  });
  const largeJobs = createLargeJobChecker(registry);
  const pipeline = {
    pool,
    ingestPool,
    queue,
    queues: registry.queues,
    registry,
    largeJobs,
    limits: { maxJobs: config.maxJobsPerBatch, retentionDays: config.retentionDays },
    checkCallbackUrl: createCallbackUrlCheck(config.callbackAllow),
    endWatch: createEndWatch(pool),
    watch: createBatchWatch(pool),
    aloneWaitMs: options.aloneWaitMs,
  };
  const retention = startRetention({ pool, log });
  await keys.callbackSecret(DEFAULT_TENANT); // a tenant exists once named, this one from the start
  await keys.tellUnreadable(log);
  listening.serve(
    createHttpApp({
      ...pipeline,
      bodyLimits: { maxBodyBytes: config.maxBodyBytes, maxJobBytes: config.maxJobBytes },
      keys,
      pluginPipeline: createPluginPipeline(pipeline),
      actions: createActionCatalogue(registry),
      maxNdjsonJobs: config.maxNdjsonJobs,
      routes: registry.routes,
      isReady: async () => (await answers(pool)) && queue.isRunning(),
      rateLimit: config.rateLimit,
      log,
    }),
  );
  return {
    async drain() {
      retention.stop();
      pipeline.watch.close();
      setTimeout(() => pipeline.endWatch.close(), ALONE_GRACE_MS).unref();
      await closeServer(listening.server);
      await largeJobs.close();
      await queue.stop();
      await Promise.all([pool.end(), ingestPool.end()]);
    },
  };
}

/** Requests in flight may end; what takes longer than the grace is cut. */
async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const deadline = setTimeout(() => server.closeAllConnections(), JOB_GRACE_MS);
  await closed;
  clearTimeout(deadline);
}

/**
 * @param options.jobGraceMs how long a drain waits for jobs before it aborts them; 20 s when absent
 * @param options.limits of this process and of those that it has run what a worker died of; see `startWatchdog`
 */
export async function startWorker(
  options: AppOptions & { registry: Registry; url: string; jobGraceMs?: number; limits?: ProcessLimits },
): Promise<Running> {
  const { config, log, limits, jobGraceMs = JOB_GRACE_MS } = options;
  startWatchdog(limits);
  const engine = await startEngine(options, 'worker', poolSize(config, options.registry));
  const keys = createKeys({ pool: engine.deps.pool, adminKey: '', callbackSecret: config.callbackSecret });
  const deps: QuarantineDeps = { ...engine.deps, limits };
  const lanes: Lanes = startLanes({
    ...deps,
    queues: options.registry.queues,
    concurrency: config.workerConcurrency,
    allow: config.callbackAllow,
    retrySeconds: config.callbackRetrySeconds,
    callbackSecret: (tenant) => keys.callbackSecret(tenant),
  });
  log.info({ role: 'worker' }, 'worker ready');
  return {
    async drain() {
      engine.drain.abort();
      const grace = setTimeout(() => engine.stop.abort(), jobGraceMs);
      await lanes.stop();
      clearTimeout(grace);
      await engine.close();
    },
  };
}

/** The worker processes of ROLE all, kept alive. */
export function forkWorkers({ config, databaseUrl, log, url }: AppOptions & { url: string }): Running {
  const { CALLBACK_ALLOW } = process.env;
  const env = {
    ...process.env,
    ROLE: 'worker',
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: url,
    // The default depends on whose database it is, and the worker sees only a URL.
    CALLBACK_ALLOW: CALLBACK_ALLOW ?? (config.databaseUrl === undefined ? LOOPBACK_ALLOW : ''),
  };
  const workers = superviseWorkers({ count: config.workers, env, log });
  return { drain: () => workers.stop(DRAIN_MS - 1000) };
}

/** The child of a worker that runs one message, job by job. */
export async function runQuarantine(
  options: AppOptions & { registry: Registry; url: string },
): Promise<Running & { done: Promise<void> }> {
  const engine = await startEngine(options, 'quarantine', 4);
  const done = runAndClose(engine);
  return {
    done,
    async drain() {
      engine.drain.abort();
      const grace = setTimeout(() => engine.stop.abort(), JOB_GRACE_MS);
      await done.catch(() => {}); // told by whoever waits for the task
      clearTimeout(grace);
    },
  };
}

async function runAndClose({ deps, close }: Engine): Promise<void> {
  try {
    await runQuarantineTask(deps);
  } finally {
    await close();
  }
}

/** Each lane may settle while its jobs hold a connection each; callbacks read pages in between. */
function poolSize({ workerConcurrency }: Config, { queues }: Registry): number {
  return Math.min(40, 8 + 3 * workerConcurrency * queues.length);
}

interface Engine {
  deps: RunChunkDeps;
  drain: AbortController;
  stop: AbortController;
  close(): Promise<void>;
}

async function startEngine(
  {
    config,
    databaseUrl: url,
    log,
    registry,
    url: publicUrl,
  }: AppOptions & { registry: Registry; url: string },
  name: string,
  connections: number,
): Promise<Engine> {
  const pool = createPool({ url, max: connections, applicationName: `batchwright ${name}`, log });
  const queue = await startQueue({
    url: sessionUrl(config, url),
    queues: registry.queues,
    applicationName: `batchwright ${name} queue`,
    max: QUEUE_CONNECTIONS,
    log,
  });
  const drain = new AbortController();
  const stop = new AbortController();
  const mailer = config.smtpUrl === undefined ? undefined : createMailer(config.smtpUrl);
  const services: Services = {
    http: createHttpService({ allow: config.httpAllow }),
    mail: mailer && ((mail) => mailer.send(mail)),
    publicUrl,
  };
  return {
    deps: {
      pool,
      queue,
      registry,
      services,
      slots: createActionSlots(),
      log,
      draining: drain.signal,
      stopping: stop.signal,
    },
    drain,
    stop,
    async close() {
      await queue.stop();
      await pool.end();
      mailer?.close();
    },
  };
}
