/** Assembles a worker, and the child process that runs messages whose worker died. */

import { callbackHeaderCipher } from '../access/callback-headers.ts';
import { createTenants } from '../access/tenants.ts';
import type { Config } from '../config/config.ts';
import { VERSION } from '../config/version.ts';
import { LimitedLog } from '../domain/limited-log.ts';
import { createHttpService } from '../outbound/http-service.ts';
import type { Mailer } from '../outbound/mail.ts';
import { Releaser } from '../pipeline/plan/releaser.ts';
import { PlannedJobs } from '../pipeline/run/planned-jobs.ts';
import type { RunChunkDeps } from '../pipeline/run/run-chunk.ts';
import { PluginConnections } from '../pipeline/run/sql/plugin-connections.ts';
import { SmallChunks } from '../pipeline/settle/small-chunks.ts';
import { ActionSlots } from '../pipeline/throttle/action-slots.ts';
import { Throttle } from '../pipeline/throttle/throttle.ts';
import { startPresence } from '../pipeline/upkeep/worker-presence.ts';
import type { Services } from '../plugin/context.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { openSession } from '../postgres/session.ts';
import { startQueue } from '../queue/queue.ts';
import type { Registry } from '../registry/registry.ts';
import { createLargeJobChecker } from '../validation/large-jobs.ts';
import { type Lanes, startLanes } from '../worker/lanes.ts';
import { runQuarantineTasks } from '../worker/quarantine/child.ts';
import type { QuarantineDeps, QuarantineOptions } from '../worker/quarantine/parent.ts';
import { startWatchdog } from '../worker/quarantine/watchdog.ts';
import { sessionUrl } from './prepare.ts';
import { type AppOptions, JOB_GRACE_MS, QUEUE_CONNECTIONS, type Running } from './running.ts';

/**
 * @param options.jobGraceMs how long a drain waits for jobs before it aborts them; 20 s when absent
 */
export async function startWorker(
  options: AppOptions & {
    registry: Registry;
    url: string;
    jobGraceMs?: number;
    quarantine?: QuarantineOptions;
  },
): Promise<Running & { isReady(): Promise<boolean> }> {
  const { config, log, quarantine, jobGraceMs = JOB_GRACE_MS } = options;
  const endWatchdog = startWatchdog();
  const engine = await startEngine(options, 'worker', poolSizes(config, options.registry));
  const callbackPool = createPool({
    url: options.databaseUrl,
    max: CALLBACK_CONNECTIONS,
    applicationName: 'batchwright callbacks',
    log,
  });
  const tenants = createTenants({ pool: engine.deps.pool, callbackSecrets: config.callbackSecrets });
  const deps: QuarantineDeps = { ...engine.deps, quarantine };
  const lanes: Lanes = startLanes({
    ...deps,
    queues: options.registry.queues,
    concurrency: config.workerConcurrency,
    callbackPool,
    allow: config.callbackAllow,
    lookup: options.lookup,
    retrySeconds: config.callbackRetrySeconds,
    signingSecrets: tenants.signingSecrets,
    decryptCallbackHeaders: callbackHeaderCipher(config.secretKeys).decrypt,
  });
  const presence = startPresence({
    pool: engine.deps.pool,
    log,
    version: VERSION,
    concurrency: config.workerConcurrency,
  });
  log.info({ role: 'worker' }, 'worker ready');
  const ping = createPing(engine.deps.pool);
  return {
    isReady: async () => (await Promise.all([ping(), engine.deps.queue.isReachable()])).every(Boolean),
    async drain() {
      engine.drain.abort();
      const grace = setTimeout(() => engine.stop.abort(), jobGraceMs);
      await lanes.stop();
      clearTimeout(grace);
      await presence.stop();
      await callbackPool.end();
      await engine.close();
      await endWatchdog();
    },
  };
}

/** The child of a worker that runs messages whose worker died. */
export async function runQuarantine(
  options: AppOptions & { registry: Registry; url: string },
): Promise<Running & { done: Promise<void> }> {
  const engine = await startEngine(options, 'quarantine', QUARANTINE_POOLS);
  const done = runAndClose(engine);
  return {
    done,
    async drain() {
      engine.drain.abort();
      const grace = setTimeout(() => engine.stop.abort(), JOB_GRACE_MS);
      await done.catch(() => {}); // thrown by the code that waits for the task
      clearTimeout(grace);
    },
  };
}

async function runAndClose({ deps, close }: Engine): Promise<void> {
  try {
    await runQuarantineTasks(deps);
  } finally {
    await close();
  }
}

/** A callback uses a connection to read a page or to log an attempt, and none while a receiver is slow. */
const CALLBACK_CONNECTIONS = 4;

interface PoolSizes {
  /** For settles and the sweep. */
  engine: number;
  /** For plugins' `sql`. */
  plugins: number;
}

function poolSizes({ workerConcurrency }: Config, { queues }: Registry): PoolSizes {
  const lanes = workerConcurrency * queues.length;
  return { engine: Math.min(36, 6 + lanes), plugins: Math.min(40, 4 + 4 * lanes) };
}

const QUARANTINE_POOLS: PoolSizes = { engine: 4, plugins: 4 };

/** Loaded only when it is used. */
async function openMailer(smtpUrl: string): Promise<Mailer> {
  const { createMailer } = await import('../outbound/mail.ts');
  return createMailer(smtpUrl);
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
    lookup,
  }: AppOptions & { registry: Registry; url: string },
  name: string,
  sizes: PoolSizes,
): Promise<Engine> {
  const pool = createPool({ url, max: sizes.engine, applicationName: `batchwright ${name}`, log });
  const connections = new PluginConnections(
    createPool({
      url,
      max: sizes.plugins,
      applicationName: `batchwright ${name} plugins`,
      log,
      onConnect: openSession,
    }),
  );
  const queue = await startQueue({
    url: sessionUrl(config, url),
    queues: registry.queues,
    applicationName: `batchwright ${name} queue`,
    max: QUEUE_CONNECTIONS,
    log,
  });
  const failures = new LimitedLog(log);
  const throttle = new Throttle({ pool, registry, log, hostLimits: config.httpLimits });
  await throttle.start();
  const releaser = new Releaser({ pool, queue, registry, log });
  const largeJobs = createLargeJobChecker(registry);
  const drain = new AbortController();
  const stop = new AbortController();
  const mailer = config.smtpUrl === undefined ? undefined : await openMailer(config.smtpUrl);
  const services: Services = {
    http: createHttpService({ allow: config.httpAllow, lookup }),
    mail: mailer && ((mail) => mailer.send(mail)),
    publicUrl,
  };
  return {
    deps: {
      pool,
      connections,
      queue,
      registry,
      services,
      slots: new ActionSlots(),
      throttle,
      smallChunks: new SmallChunks({ pool, queue }),
      plannedJobs: new PlannedJobs(pool),
      largeJobs,
      releaser,
      log,
      failures,
      draining: drain.signal,
      stopping: stop.signal,
    },
    drain,
    stop,
    async close() {
      failures.flush();
      await releaser.idle();
      await throttle.stop();
      await largeJobs.close();
      await queue.stop();
      await Promise.all([pool.end(), connections.close()]);
      mailer?.close();
    },
  };
}
