/** The end of a process: every signal that asks for it drains the process, once, within its time limit. */
import type { Log } from '../domain/log.ts';
import { DRAIN_MS, type Running, WORK_DRAIN_MS } from './running.ts';

/** Ctrl-C, Ctrl-\\, a closed terminal, service managers, and nodemon. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGBREAK'] as const;

/** Time for a killed database to end, and for this process to exit. */
const EXIT_MS = 300;

export interface Ending {
  isStopping(): boolean;
  /**
   * Starts a part that will be drained: one that takes work, or one that all others need, such as the database. It is
   * registered before it has started, so that a signal in between leaves nothing of it behind. After a signal
   * nothing is started.
   */
  begin<Part extends Running>(kind: 'work' | 'last', start: () => Promise<Part>): Promise<Part>;
  /** Drains what has started and ends the process, with exit code 1. */
  fail(line: string): Promise<never>;
}

/**
 * @param limits the time from the signal to the end, and the part of it for work; production's when absent
 */
export function handleSignals(
  log: Log,
  limits: { drainMs: number; workMs: number } = { drainMs: DRAIN_MS, workMs: WORK_DRAIN_MS },
): Ending {
  /** Parts that take work are drained first and concurrently, those that all others need are drained last. */
  const parts: Record<'work' | 'last', Running[]> = { work: [], last: [] };
  let draining: Promise<never> | undefined;

  // Once, for any number of signals.
  const stop = (why: string) => {
    draining ??= drain(why);
  };
  for (const signal of SIGNALS) process.on(signal, () => stop(signal));
  // A forked process whose parent is gone has no work to do.
  process.on('disconnect', () => stop('the parent process ended'));
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a rejected promise was not handled'),
  );

  async function drain(why: string): Promise<never> {
    log.info({ why }, 'draining');
    const inTime = await drainAll();
    if (inTime) log.info({}, 'stopped');
    else log.error({}, 'could not drain in time');
    process.exit(inTime ? 0 : 1);
  }

  /** True when all parts ended in time; the database is stopped in any case. */
  async function drainAll(): Promise<boolean> {
    const startedAt = performance.now();
    const work = await within(limits.workMs, drainEach(parts.work));
    const leftMs = limits.drainMs - EXIT_MS - (performance.now() - startedAt);
    const last = await within(leftMs, drainEach(parts.last, leftMs - EXIT_MS));
    return work && last;
  }

  async function drainEach(running: Running[], leftMs?: number): Promise<void> {
    const logError = (error: unknown) => log.error({ err: error }, 'while draining');
    await Promise.all(running.map((part) => part.drain(leftMs).catch(logError)));
  }

  return {
    isStopping: () => draining !== undefined,
    async begin(kind, start) {
      if (draining) await draining; // ends the process
      const starting = start();
      parts[kind].push({
        drain: (leftMs) =>
          starting.then(
            (part) => part.drain(leftMs),
            () => {}, // thrown by the code that started it
          ),
      });
      return starting;
    },
    async fail(line) {
      if (draining) await draining; // a part that was stopped during its start has not failed
      process.stderr.write(`${line}\n`);
      await drainAll();
      process.exit(1);
    },
  };
}

/** False when the time was over first. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const { promise: timeOver, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  const ended = await Promise.race([work.then(() => true), timeOver]);
  clearTimeout(timer);
  return ended;
}
