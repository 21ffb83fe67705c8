/** Keeps the worker processes of ROLE all alive: forks them and replaces those that die. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownModule } from '../domain/own-module.ts';
import { workerRestarted } from '../telemetry/events.ts';

interface Log {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Sent by a worker that now takes jobs. Its other messages are for `onFork`. */
export interface WorkerReport {
  kind: 'ready';
}

export interface Supervisor {
  /** Lets every worker drain; resolves when all have ended. Kills those that still run after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const ENTRY = fileURLToPath(ownModule('../main', import.meta.url));
/**
 * A worker that dies is replaced after this time. The time doubles with each worker that lived for less than
 * a minute.
 */
const RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
const STABLE_MS = 60_000;
const NOT_READY = 'a worker process ended before it took jobs; it says why on standard error';

/**
 * @param options.flags flags of their Node; those of this process when absent
 * @param options.onFork called with each new process
 */
export function superviseWorkers(options: {
  count: number;
  env: NodeJS.ProcessEnv;
  flags?: readonly string[] | undefined;
  log: Log;
  onFork?: (child: ChildProcess) => void;
}): Supervisor {
  const { count, env, log, onFork } = options;
  const flags = options.flags && { execArgv: [...options.flags] };
  const children = new Set<ChildProcess>();
  const restarts = new Set<NodeJS.Timeout>();
  let stopping = false;
  /**
   * Consecutive workers that ended before they took jobs: the cause is their configuration or the database.
   */
  let failedStarts = 0;

  function start(pauseMs: number): void {
    const startedAt = performance.now();
    const child = fork(ENTRY, ['worker'], { env, ...flags });
    children.add(child);
    onFork?.(child);
    let isReady = false;
    child.on('message', (report: WorkerReport) => {
      // In watch mode Node sends messages of its own to the parent process.
      if (report.kind !== 'ready') return;
      isReady = true;
      failedStarts = 0;
    });
    const onEnd = (how: object) => {
      if (!children.delete(child) || stopping) return;
      const pause = performance.now() - startedAt > STABLE_MS ? RESTART_MS : pauseMs;
      const end = { workerPid: child.pid, ...how, restartInMs: pause };
      if (isReady) log.warn(end, 'a worker process ended');
      else log.error({ ...end, failedStarts: ++failedStarts }, NOT_READY);
      workerRestarted.emit({ pid: child.pid });
      const timer = setTimeout(() => {
        restarts.delete(timer);
        start(Math.min(pause * 2, MAX_RESTART_MS));
      }, pause);
      restarts.add(timer);
    };
    child.once('exit', (code, signal) => onEnd({ code, signal }));
    child.once('error', (error) => onEnd({ err: error }));
  }

  for (let number = 0; number < count; number++) start(RESTART_MS);

  return {
    async stop(graceMs) {
      stopping = true;
      for (const timer of restarts) clearTimeout(timer);
      const gone = [...children].map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGTERM');
      const deadline = setTimeout(() => {
        for (const child of children) child.kill('SIGKILL');
      }, graceMs);
      await Promise.all(gone);
      clearTimeout(deadline);
    },
  };
}
