/** Starts what ROLE asks for, drains it on a signal, and sets the exit code. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import pino, { type Logger } from 'pino';
import { readAdminKey } from './admin-key.ts';
import {
  DRAIN_MS,
  forkWorkers,
  listen,
  loadPlugins,
  migrateAll,
  type Running,
  runQuarantine,
  startApi,
  startWorker,
} from './app.ts';
import { type Config, readConfig } from './config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './database/embedded.ts';
import { StartError } from './domain/start-error.ts';

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

async function startApiRole(config: Config): Promise<void> {
  const registry = await loadPlugins(config);
  const listening = await listen(config);
  working.push({ drain: async () => void listening.server.close() });
  await mkdir(config.dataDir, { recursive: true });
  const admin = await readAdminKey(config);
  const databaseUrl = config.databaseUrl ?? (await startDatabase(config)).url;
  await migrateAll(databaseUrl, registry, log);
  const api = await startApi({ config, databaseUrl, log, registry, adminKey: admin.key, listening });
  working[0] = api;
  const url = config.publicUrl ?? listening.url;
  if (config.role === 'all' && !draining) {
    working.push(forkWorkers({ config, databaseUrl, log, url }));
  }
  if (!draining) printWelcome(listening.url, admin);
}

async function startDatabase(config: Config): Promise<EmbeddedPostgres> {
  const database = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  databases.push({ drain: () => database.stop() });
  return database;
}

async function startWorkerRole(config: Config): Promise<void> {
  const registry = await loadPlugins(config);
  const databaseUrl = config.databaseUrl ?? '';
  await migrateAll(databaseUrl, registry, log);
  working.push(await startWorker({ config, databaseUrl, log, registry, url: publicUrl(config) }));
}

async function startQuarantine(config: Config): Promise<void> {
  const registry = await loadPlugins(config);
  const databaseUrl = config.databaseUrl ?? '';
  const task = await runQuarantine({ config, databaseUrl, log, registry, url: publicUrl(config) });
  working.push(task);
  await task.done;
  process.exit(0);
}

/** Workers apart from the API need PUBLIC_URL when it listens elsewhere than they would. */
function publicUrl(config: Config): string {
  return config.publicUrl ?? `http://${config.host}:${config.port}`;
}

function createLogger(config: Config): Logger {
  const options = { level: config.logLevel, base: { pid: process.pid } };
  if (!process.stdout.isTTY) return pino(options);
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { ignore: 'pid', translateTime: 'HH:MM:ss' } },
  });
}

function printWelcome(url: string, admin: { key: string; generated: boolean; fresh: boolean }): void {
  const lines = [
    '',
    `Batchwright is ready at ${url}`,
    ...(admin.fresh ? [`Your admin key, generated on this first start: ${admin.key}`] : []),
    ...(admin.generated && !admin.fresh ? ['Show the admin key with: npx batchwright keys admin'] : []),
    'Try next:',
    `  curl -H "Authorization: Bearer $(npx batchwright keys admin)" "${url}/batch?action=run" \\`,
    `    -d '{"jobs":[{"namespace":"contact","action":"addOrUpdateContact","params":{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com"}}]}'`,
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
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

/** What an operator can mend is one line; anything else is a fault of ours, with its stack. */
function explain(error: unknown): string {
  const { code, message, stack } = error as Error & { code?: string };
  if (error instanceof StartError) return message;
  if (code === 'EADDRINUSE')
    return `PORT=${process.env.PORT || 3000} is taken: stop what uses it or set another PORT`;
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return message;
  if (code === 'ECONNREFUSED') return `DATABASE_URL cannot be reached: ${message}`;
  return existsSync('.git') && stack ? stack : message;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  await drainAll();
  process.exit(1);
}
