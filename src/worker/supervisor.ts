/** Keeps the worker processes of ROLE all alive: forks them, starts anew what dies. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
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

export function superviseWorkers(options: { count: number; env: NodeJS.ProcessEnv; log: Log }): Supervisor {
  const { count, env, log } = options;
  const children = new Set<ChildProcess>();
  const restarts = new Set<NodeJS.Timeout>();
  let stopping = false;

  function start(pauseMs: number): void {
    const startedAt = performance.now();
    const child = fork(ENTRY, ['worker'], { env });
    children.add(child);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (stopping) return;
      const pause = performance.now() - startedAt > STABLE_MS ? RESTART_MS : pauseMs;
      log.warn({ workerPid: child.pid, code, signal, restartInMs: pause }, 'a worker process ended');
      const timer = setTimeout(() => {
        restarts.delete(timer);
        start(Math.min(pause * 2, MAX_RESTART_MS));
      }, pause);
      restarts.add(timer);
    });
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
