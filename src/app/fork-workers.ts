import type { ChildProcess } from 'node:child_process';
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
  onFork,
}: AppOptions & {
  url: string;
  secretKeys: readonly string[] | undefined;
  onFork: (child: ChildProcess) => void;
}): Running {
  const { CALLBACK_ALLOW } = process.env;
  const env = {
    ...process.env,
    ROLE: 'worker',
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: url,
    // The one in DATA_DIR goes with the embedded database, and the worker sees only a URL.
    ...(secretKeys === undefined ? {} : { SECRET_KEY: secretKeys.join() }),
    // The default depends on whether the database is embedded, and the worker sees only a URL.
    CALLBACK_ALLOW: CALLBACK_ALLOW ?? (config.databaseUrl === undefined ? LOOPBACK_ALLOW : ''),
  };
  const workers = superviseWorkers({ count: config.workers, env, log, onFork });
  return { drain: () => workers.stop(WORK_DRAIN_MS - 500) };
}

/** Reports to the parent process that this worker takes jobs. */
export function reportReady(): void {
  process.send?.({ kind: 'ready' } satisfies WorkerReport);
}
