import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Starts a program of the benchmark in a separate process, without the user's settings. */
export function forkHelper(
  program: string,
  env: Record<string, string>,
): { child: ChildProcess; end(): Promise<void> } {
  const child = fork(program, [], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  return {
    child,
    async end() {
      child.kill();
      await ended;
    },
  };
}
