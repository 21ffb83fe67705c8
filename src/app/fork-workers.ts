import type { ChildFigures } from '../metrics/child-figures.ts';
import { LOOPBACK_ALLOW } from '../outbound/address-guard.ts';
import { superviseWorkers, type WorkerReport } from '../worker/supervisor.ts';
import { type AppOptions, type Running, WORK_DRAIN_MS } from './running.ts';

/** Keeps the worker processes of ROLE all alive. */
export function forkWorkers({
  config,
  databaseUrl,
  secretKeys,
  log,
  url,
  env,
  flags,
  workerFigures,
}: AppOptions & {
  url: string;
  secretKeys: readonly string[] | undefined;
  /** The environment that the configuration was read from. */
  env: NodeJS.ProcessEnv;
  /** Flags of their Node; those of this process when absent. */
  flags: readonly string[] | undefined;
  workerFigures: ChildFigures;
}): Running {
  const { CALLBACK_ALLOW } = env;
  const workerEnv = {
    ...env,
    ROLE: 'worker',
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: url,
    // The one in DATA_DIR goes with the embedded database, and the worker sees only a URL.
    ...(secretKeys === undefined ? {} : { SECRET_KEY: secretKeys.join() }),
    // The default depends on whether the database is embedded, and the worker sees only a URL.
    CALLBACK_ALLOW: CALLBACK_ALLOW ?? (config.databaseUrl === undefined ? LOOPBACK_ALLOW : ''),
  };
  const workers = superviseWorkers({
    count: config.workers,
    env: workerEnv,
    flags,
    log,
    onFork: (child) => workerFigures.follow(child),
  });
  return { drain: () => workers.stop(WORK_DRAIN_MS - 500) };
}

/** Reports to the parent process that this worker takes jobs. */
export function reportReady(): void {
  process.send?.({ kind: 'ready' } satisfies WorkerReport);
}
