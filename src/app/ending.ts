/** The end of a process: every signal that asks for it drains it, once, and within its time. */
import type { Log } from '../domain/log.ts';
import { DRAIN_MS, type Running, WORK_DRAIN_MS } from './running.ts';

/** Ctrl-C, Ctrl-\\, a terminal that closes, service managers, and nodemon. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGBREAK'] as const;

/** For a killed database to be gone, and for this process. */
const EXIT_MS = 300;

export interface Ending {
  isStopping(): boolean;
  /**
   * Starts a part that is to be drained: what takes work, or the database that all of it needs. It is known before
   * it has started, so that a signal in between leaves nothing of it behind; after a signal nothing is started any
   * more.
   */
  begin<Part extends Running>(kind: 'work' | 'database', start: () => Promise<Part>): Promise<Part>;
  /** Drains what has started and ends the process, with exit code 1. */
  fail(line: string): Promise<never>;
}

/** @param limits from the signal to the end, and what of it is for work; production's when absent */
export function handleSignals(
  log: Log,
  limits: { drainMs: number; workMs: number } = { drainMs: DRAIN_MS, workMs: WORK_DRAIN_MS },
): Ending {
  /** What takes work is drained first and side by side, the database that all of it needs last. */
  const parts: Record<'work' | 'database', Running[]> = { work: [], database: [] };
  let draining: Promise<never> | undefined;

  // Once, however many signals come.
  const stop = (why: string) => {
    draining ??= drain(why);
  };
  for (const signal of SIGNALS) process.on(signal, () => stop(signal));
  // A forked process whose parent is gone has nobody left to work for.
  process.on('disconnect', () => stop('the parent process ended'));
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a promise was rejected that nobody awaits'),
  );

  async function drain(why: string): Promise<never> {
    log.info({ why }, 'draining');
    const inTime = await drainAll();
    if (inTime) log.info({}, 'stopped');
    else log.error({}, 'could not drain in time');
    process.exit(inTime ? 0 : 1);
  }

  /** True when all had ended in time; the database is stopped in any case. */
  async function drainAll(): Promise<boolean> {
    const startedAt = performance.now();
    const work = await within(limits.workMs, drainEach(parts.work));
    const leftMs = limits.drainMs - EXIT_MS - (performance.now() - startedAt);
    const databases = await within(leftMs, drainEach(parts.database, leftMs - EXIT_MS));
    return work && databases;
  }

  async function drainEach(running: Running[], leftMs?: number): Promise<void> {
    const tell = (error: unknown) => log.error({ err: error }, 'while draining');
    await Promise.all(running.map((part) => part.drain(leftMs).catch(tell)));
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
            () => {}, // told by whoever started it
          ),
      });
      return starting;
    },
    async fail(line) {
      if (draining) await draining; // what was cut off in the middle of its start is no failure
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
