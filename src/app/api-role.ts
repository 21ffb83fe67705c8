/** The process of ROLE api and all: the database, the API, and the workers that it forks. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { adminKeyFile, readAdminKey, readSecretKeys } from '../config/generated-keys.ts';
import { findServer } from '../config/local-server.ts';
import { StartError } from '../domain/start-error.ts';
import { makeFolder } from '../embedded/make-folder.ts';
import { ChildFigures } from '../metrics/child-figures.ts';
import type { Registry } from '../registry/registry.ts';
import { listen } from './listen.ts';
import type { Starting } from './parts.ts';
import { prepareDatabase } from './prepare.ts';
import type { Running } from './running.ts';
import { startServerRecord } from './server-record.ts';
import type { Welcome } from './welcome.ts';

export interface ApiRoleOptions {
  config: Config;
  log: Logger;
  registry: Registry;
  starting: Starting;
  /** The environment that the configuration was read from; workers get it too. */
  env: NodeJS.ProcessEnv;
  /** Flags of the workers' Node; those of this process when absent. */
  workerFlags?: readonly string[] | undefined;
  /** Called with one line when the embedded database has ended and cannot be started again. */
  onLost(why: string): void;
}

/** Resolves when the API answers; its workers may still be starting. Leaves nothing behind when it throws. */
export async function startApiRole(options: ApiRoleOptions): Promise<Welcome & { adminKey: string }> {
  const { config } = options;
  const listening = await listen(config).catch(async (error) => {
    throw (await alreadyRunning(config, error)) ?? error;
  });
  try {
    await makeFolder(config.dataDir);
    const admin = await readAdminKey(config);
    await startParts(options, listening, admin.key);
    return {
      url: listening.url,
      adminKey: admin.key,
      generatedKey: admin.generated ? { ...admin, file: adminKeyFile(config.dataDir) } : undefined,
    };
  } catch (error) {
    await listening.close(0);
    throw error;
  }
}

/** The error for a port that is taken because this data directory's server runs already; undefined for any other. */
async function alreadyRunning({ dataDir, port }: Config, error: unknown): Promise<StartError | undefined> {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return undefined;
  const server = await findServer(dataDir);
  if (server === undefined || new URL(server.url).port !== String(port)) return undefined;
  return new StartError(
    `the Batchwright of DATA_DIR ${dataDir} runs already, at ${server.url} (pid ${server.pid}): use it, stop it, or set another DATA_DIR and PORT`,
    { cause: error },
  );
}

async function startParts(
  { config, log, registry, starting, env, workerFlags, onLost }: ApiRoleOptions,
  listening: Awaited<ReturnType<typeof listen>>,
  adminKey: string,
): Promise<void> {
  const secretKeys = await readSecretKeys(config);
  const databaseUrl =
    config.databaseUrl ?? (await starting.begin('last', () => startDatabase(config, log, onLost))).url;
  await prepareDatabase(config, databaseUrl, registry, log);
  const { startApi } = await import('./api.ts');
  const workerFigures = new ChildFigures();
  await starting.begin('work', () =>
    startApi({ config, databaseUrl, log, registry, adminKey, secretKeys, listening, workerFigures }),
  );
  const url = config.publicUrl ?? listening.url;
  const { forkWorkers } = await import('./fork-workers.ts');
  if (config.role === 'all')
    await starting.begin('work', async () =>
      forkWorkers({ config, databaseUrl, secretKeys, log, url, env, flags: workerFlags, workerFigures }),
    );
  await starting.begin('work', async () => startServerRecord({ config, log }, listening.url));
}

async function startDatabase(
  { dataDir }: Config,
  log: Logger,
  onLost: ApiRoleOptions['onLost'],
): Promise<Running & { url: string }> {
  const { startEmbeddedPostgres } = await import('../embedded/embedded.ts');
  const { url, stop, lost } = await startEmbeddedPostgres({ dataDir, log });
  void lost.then(onLost);
  return { url, drain: stop };
}
