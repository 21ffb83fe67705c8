/** Starts the processes of ROLE. */
import { type Ending, handleSignals } from './app/ending.ts';
import { createLogger } from './app/logger.ts';
import { loadPlugins, prepareDatabase } from './app/prepare.ts';
import type { AppOptions } from './app/running.ts';
import { startTracing } from './app/tracing.ts';
import { welcome } from './app/welcome.ts';
import { type Config, readConfig } from './config/config.ts';
import { explainStartFailure } from './domain/start-error.ts';
import type { Tracing } from './tracing/start.ts';

interface Start extends Omit<AppOptions, 'databaseUrl'> {
  ending: Ending;
  tracing: Tracing | undefined;
}

/** The role of a forked process; undefined when the user started it. */
const forkedFor = process.argv[2];

function main(start: Start): Promise<void> {
  if (forkedFor === 'quarantine') return startQuarantine(start);
  if (start.config.role === 'worker') return startWorkerRole(start);
  return startApi(start);
}

/** The API loads the same plugins, and says what is wrong with their routes and schemas. */
const FOR_WORKERS = { hasRoutes: false, areSchemasChecked: true, isForked: forkedFor !== undefined };

// Each role loads only its own half: the other half takes memory and time to start.

async function startApi({ config, log, ending }: Start): Promise<void> {
  const { startApiRole } = await import('./app/api-role.ts');
  const registry = await loadPlugins(config, { isStopping: ending.isStopping });
  for (const warning of registry.warnings) log.warn(warning);
  const ready = await startApiRole({
    config,
    log,
    registry,
    starting: ending,
    env: process.env,
    onLost: (why) => void ending.fail(explain(why)),
  });
  if (!ending.isStopping()) welcome(log, ready);
}

async function startWorkerRole({ config, log, ending }: Start): Promise<void> {
  const { reportReady } = await import('./app/fork-workers.ts');
  const { startWorker } = await import('./app/worker.ts');
  const { startWorkerMetrics } = await import('./app/worker-metrics.ts');
  const metrics = await startWorkerMetrics({ config, log, isForked: forkedFor === 'worker' });
  const registry = await loadPlugins(config, { ...FOR_WORKERS, isStopping: ending.isStopping });
  // The parent process has already logged them.
  if (forkedFor !== 'worker') for (const warning of registry.warnings) log.warn(warning);
  const databaseUrl = config.databaseUrl ?? '';
  await prepareDatabase(config, databaseUrl, registry, log);
  const worker = await ending.begin('work', () =>
    startWorker({
      config,
      databaseUrl,
      log,
      registry,
      url: publicUrl(config),
      quarantine: { onFork: metrics.onFork },
    }),
  );
  await ending.begin('work', async () => metrics.serve(worker.isReady));
  if (forkedFor === 'worker') reportReady();
}

async function startQuarantine({ config, log, ending, tracing }: Start): Promise<void> {
  const { runQuarantine } = await import('./app/worker.ts');
  const { handOverFigures } = await import('./app/worker-metrics.ts');
  const handOver = handOverFigures(config);
  const registry = await loadPlugins(config, { ...FOR_WORKERS, isStopping: ending.isStopping });
  const databaseUrl = config.databaseUrl ?? '';
  const task = await ending.begin('work', () =>
    runQuarantine({ config, databaseUrl, log, registry, url: publicUrl(config) }),
  );
  await task.done;
  await handOver();
  await tracing?.stop();
  process.exit(0);
}

/** Separate workers need PUBLIC_URL when the API's address differs from the default. */
function publicUrl(config: Config): string {
  return config.publicUrl ?? `http://${config.host}:${config.port}`;
}

function explain(error: unknown): string {
  return explainStartFailure(error, process.env);
}

/** The spans of the last jobs are sent after them. */
async function reportTraces(tracing: Tracing, log: Start['log'], begun: Ending): Promise<void> {
  tracing.reportTo(log);
  await begun.begin('last', async () => ({ drain: () => tracing.stop() }));
}

let ending: Ending | undefined;
try {
  const config = readConfig();
  const tracing = await startTracing(config, forkedFor ?? config.role);
  const log = await createLogger(config, tracing?.logFields);
  ending = handleSignals(log);
  if (tracing) await reportTraces(tracing, log, ending);
  await main({ config, log, ending, tracing });
} catch (error) {
  if (ending) await ending.fail(explain(error));
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
