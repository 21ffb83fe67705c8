/** Starts what ROLE asks for, drains it on a signal, and sets the exit code. */
import type { Logger } from 'pino';
import { createLogger } from './app/logger.ts';
import { loadPlugins, migrateAll, sessionUrl } from './app/prepare.ts';
import { DRAIN_MS, type Running } from './app/running.ts';
import { type Config, readConfig } from './config.ts';
import { makeFolder } from './database/make-folder.ts';
import { explainStartFailure } from './domain/start-error.ts';
import { type AdminKey, readAdminKey, readSecretKey } from './generated-keys.ts';

/** What takes work is drained first and side by side, the database that all of it needs last. */
const working: Running[] = [];
const databases: Running[] = [];
let draining: Promise<void> | undefined;
let log: Logger;

async function main(): Promise<void> {
  const config = readConfig();
  log = createLogger(config);
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // A forked process whose parent is gone has nobody left to work for.
  process.on('disconnect', () => stop('the parent process ended'));
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a promise was rejected that nobody awaits'),
  );
  if (process.argv[2] === 'quarantine') return startQuarantine(config);
  if (config.role === 'worker') return startWorkerRole(config);
  return startApiRole(config);
}

// Each role loads its own half: the other's takes memory and time to start.

async function startApiRole(config: Config): Promise<void> {
  const { listen } = await import('./app/listen.ts');
  const registry = await loadPlugins(config, isStopping);
  for (const warning of registry.warnings) log.warn(warning);
  const listening = await listen(config);
  await makeFolder(config.dataDir);
  const admin = await readAdminKey(config);
  const secretKey = await readSecretKey(config);
  const databaseUrl = config.databaseUrl ?? (await begin(databases, () => startDatabase(config))).url;
  await migrateAll(sessionUrl(config, databaseUrl), registry, log);
  const { startApi } = await import('./app/api.ts');
  await begin(working, () =>
    startApi({ config, databaseUrl, log, registry, adminKey: admin.key, secretKey, listening }),
  );
  const url = config.publicUrl ?? listening.url;
  const { forkWorkers } = await import('./app/fork-workers.ts');
  if (config.role === 'all') await begin(working, async () => forkWorkers({ config, databaseUrl, log, url }));
  if (!draining) printWelcome(listening.url, admin);
}

async function startDatabase(config: Config): Promise<Running & { url: string }> {
  const { startEmbeddedPostgres } = await import('./database/embedded.ts');
  const { url, stop } = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  return { url, drain: stop };
}

async function startWorkerRole(config: Config): Promise<void> {
  const { startWorker } = await import('./app/worker.ts');
  const registry = await loadPlugins(config, isStopping);
  // Who forked this process has said so already.
  if (process.argv[2] !== 'worker') for (const warning of registry.warnings) log.warn(warning);
  const databaseUrl = config.databaseUrl ?? '';
  await migrateAll(sessionUrl(config, databaseUrl), registry, log);
  await begin(working, () => startWorker({ config, databaseUrl, log, registry, url: publicUrl(config) }));
}

async function startQuarantine(config: Config): Promise<void> {
  const { runQuarantine } = await import('./app/worker.ts');
  const registry = await loadPlugins(config, isStopping);
  const databaseUrl = config.databaseUrl ?? '';
  const task = await begin(working, () =>
    runQuarantine({ config, databaseUrl, log, registry, url: publicUrl(config) }),
  );
  await task.done;
  process.exit(0);
}

/**
 * Starts a part that is to be drained. It is known before it has started, so that a signal in between leaves
 * nothing of it behind; after a signal nothing is started any more.
 */
async function begin<Part extends Running>(parts: Running[], start: () => Promise<Part>): Promise<Part> {
  if (draining) await draining; // ends the process
  const starting = start();
  parts.push({
    drain: () =>
      starting.then(
        (part) => part.drain(),
        () => {}, // told by whoever started it
      ),
  });
  return starting;
}

/** Workers apart from the API need PUBLIC_URL when it listens elsewhere than they would. */
function publicUrl(config: Config): string {
  return config.publicUrl ?? `http://${config.host}:${config.port}`;
}

function printWelcome(url: string, admin: AdminKey): void {
  const { DATA_DIR } = process.env;
  const showKey = `${DATA_DIR ? `DATA_DIR='${DATA_DIR}' ` : ''}npx batchwright keys admin`;
  const key = admin.generated ? `$(${showKey})` : '$ADMIN_KEY';
  const lines = [
    '',
    `Batchwright is ready at ${url}`,
    ...(admin.fresh ? [`Your admin key, generated on this first start: ${admin.key}`] : []),
    ...(admin.generated && !admin.fresh ? [`Show the admin key with: ${showKey}`] : []),
    'Try next:',
    `  curl -H "Authorization: Bearer ${key}" "${url}/batch?action=run" \\`,
    `    -d '{"jobs":[{"namespace":"contact","action":"addOrUpdateContact","params":{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com"}}]}'`,
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function isStopping(): boolean {
  return draining !== undefined;
}

/** Once, however many signals come. */
function stop(why: string): void {
  draining ??= drain(why);
}

async function drain(why: string): Promise<void> {
  log.info({ why }, 'draining');
  const deadline = setTimeout(() => {
    log.error('could not drain in time');
    process.exit(1);
  }, DRAIN_MS + 15_000);
  deadline.unref();
  await drainAll();
  log.info('stopped');
  process.exit(0);
}

async function drainAll(): Promise<void> {
  for (const parts of [working, databases])
    await Promise.all(
      parts.map((part) =>
        part.drain().catch((error: unknown) => log.error({ err: error }, 'while draining')),
      ),
    );
}

try {
  await main();
} catch (error) {
  if (draining) await draining; // what was cut off in the middle of its start is no failure
  process.stderr.write(`${explainStartFailure(error, process.env)}\n`);
  await drainAll();
  process.exit(1);
}
