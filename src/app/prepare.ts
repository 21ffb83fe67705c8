/** Preparation for every role: load the plugins, and migrate the database. */
import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { StartError } from '../domain/start-error.ts';
import { isDatabaseUnavailable } from '../postgres/errors.ts';
import { migrate, withMigrationLock } from '../postgres/migrate.ts';
import { requireDatabase } from '../postgres/reach.ts';
import { startLoadWatch } from '../registry/load-watch.ts';
import type { LoadOptions } from '../registry/module-loader.ts';
import { loadRegistry, type Registry } from '../registry/registry.ts';
import { makePartitions } from '../store/partitions.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Loads the plugins of the project and of PLUGIN_DIR, like `loadRegistry`. Throws StartError.
 *
 * @param options.isForked the parent process has loaded the same files, in time
 */
export async function loadPlugins(
  config: Config,
  options: Pick<LoadOptions, 'isStopping' | 'hasRoutes' | 'areSchemasChecked' | 'isGuest'> & {
    isForked?: boolean;
  } = {},
): Promise<Registry> {
  const roots = pluginRoots(config);
  // Only for files from outside the project: it costs every process time and memory. It may end the process.
  const isWatched = roots.length > 1 && !options.isGuest && !options.isForked;
  const watch = isWatched ? startLoadWatch() : undefined;
  try {
    return await loadRegistry(roots, { ...options, watch });
  } finally {
    await watch?.end();
  }
}

function pluginRoots({ pluginDir }: Config): string[] {
  if (!pluginDir || realpathSync(pluginDir) === ROOT) return [ROOT];
  if (!existsSync(join(pluginDir, 'jobs')))
    throw new StartError(
      `PLUGIN_DIR=${pluginDir} has no folder jobs/: its actions must be jobs/<namespace>/<action>.ts in it`,
    );
  return [ROOT, pluginDir];
}

/**
 * The database address for migrations and the queue's LISTEN: they need a session, which a pooler may not
 * keep.
 */
export function sessionUrl(config: Config, databaseUrl: string): string {
  return config.databaseDirectUrl ?? databaseUrl;
}

/**
 * Migrates the database. Throws StartError, which names the variable, when an address from the operator cannot
 * be used, or can no longer be used during the migrations.
 */
export async function prepareDatabase(
  config: Config,
  databaseUrl: string,
  registry: Registry,
  log: Logger,
): Promise<void> {
  const { databaseUrl: given, databaseDirectUrl: direct } = config;
  if (given !== undefined) await requireDatabase('DATABASE_URL', given);
  if (direct !== undefined) await requireDatabase('DATABASE_DIRECT_URL', direct);
  try {
    await migrateAll(sessionUrl(config, databaseUrl), registry, log);
  } catch (cause) {
    if ((given ?? direct) === undefined || !isDatabaseUnavailable(cause)) throw cause;
    const variable = direct === undefined ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL';
    throw new StartError(`${variable} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** Migrates the database; processes that start at once wait for one another. */
export async function migrateAll(databaseUrl: string, registry: Registry, log: Logger): Promise<void> {
  await withMigrationLock(databaseUrl, log, async (client) => {
    await migrate({
      client,
      schema: 'batchwright',
      directory: join(ROOT, 'src/store/migrations'),
      log,
    });
    for (const { namespace, directory } of registry.migrations)
      await migrate({ client, schema: namespace, directory, log });
    await makePartitions(client);
  });
}
