/** Keeps the worker processes of ROLE all alive: forks them, starts anew what dies. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Log {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** From a worker: it takes jobs. */
export interface WorkerReport {
  kind: 'ready';
}

export interface Supervisor {
  /** Lets every worker drain; resolves when all are gone, killing those that are not after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const ENTRY = fileURLToPath(new URL('../main.ts', import.meta.url));
/** A worker that dies is replaced after this, doubled each time it has not even lived for a minute. */
const RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
const STABLE_MS = 60_000;
const NOT_READY = 'a worker process ended before it took jobs; it says why on standard error';

export function superviseWorkers(options: { count: number; env: NodeJS.ProcessEnv; log: Log }): Supervisor {
  const { count, env, log } = options;
  const children = new Set<ChildProcess>();
  const restarts = new Set<NodeJS.Timeout>();
  let stopping = false;
  /** Workers in a row that ended before they took jobs: their configuration or the database is at fault. */
  let failedStarts = 0;

  function start(pauseMs: number): void {
    const startedAt = performance.now();
    const child = fork(ENTRY, ['worker'], { env });
    children.add(child);
    let isReady = false;
    child.on('message', (report: WorkerReport) => {
      // In watch mode Node itself reports, too, to whoever forked the process.
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
