/** The end of a process: every signal that asks for it drains the process, once, within its time limit. */
import type { Log } from '../domain/log.ts';
import { Parts, type Starting } from './parts.ts';

/** Ctrl-C, Ctrl-\\, a closed terminal, service managers, and nodemon. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGBREAK'] as const;

/** After a signal `begin` does not return: the process ends. */
export interface Ending extends Starting {
  /** Drains what has started and ends the process, with exit code 1. */
  fail(line: string): Promise<never>;
}

/**
 * @param limits the time from the signal to the end, and the part of it for work; production's when absent
 */
export function handleSignals(log: Log, limits?: { drainMs: number; workMs: number }): Ending {
  const parts = new Parts(log, limits);
  let ending: Promise<never> | undefined;

  // Once, for any number of signals.
  const stop = (why: string) => {
    ending ??= drain(why);
  };
  for (const signal of SIGNALS) process.on(signal, () => stop(signal));
  // A forked process whose parent is gone has no work to do.
  process.on('disconnect', () => stop('the parent process ended'));
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a rejected promise was not handled'),
  );

  async function drain(why: string): Promise<never> {
    log.info({ why }, 'draining');
    const inTime = await parts.drain();
    if (inTime) log.info({}, 'stopped');
    else log.error({}, 'could not drain in time');
    process.exit(inTime ? 0 : 1);
  }

  return {
    isStopping: () => ending !== undefined,
    async begin(kind, start) {
      if (ending) await ending; // ends the process
      return parts.begin(kind, start);
    },
    async fail(line) {
      if (ending) await ending; // a part that was stopped during its start has not failed
      process.stderr.write(`${line}\n`);
      await parts.drain();
      process.exit(1);
    },
  };
}
