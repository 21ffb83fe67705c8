/** The parts of the product that run in this process, and their end. */
import type { Log } from '../domain/log.ts';
import { DRAIN_MS, type Running, WORK_DRAIN_MS } from './running.ts';

/** Time for a killed database to end, and for this process to exit. */
const EXIT_MS = 300;

/** What a start needs of them. */
export interface Starting {
  isStopping(): boolean;
  /**
   * Starts a part that will be drained: one that takes work, or one that all others need, such as the database. The part is
   * registered before it has started, so that a drain in between leaves nothing of it behind. After a drain
   * nothing is started: it throws.
   */
  begin<Part extends Running>(kind: 'work' | 'last', start: () => Promise<Part>): Promise<Part>;
}

export class Parts implements Starting {
  readonly #log: Log;
  readonly #limits: { drainMs: number; workMs: number };
  /** Parts that take work are drained first and concurrently, those that all others need are drained last. */
  readonly #parts: Record<'work' | 'last', Running[]> = { work: [], last: [] };
  #draining: Promise<boolean> | undefined;

  /** @param limits the time for a drain, and the part of it for work; production's when absent */
  constructor(log: Log, limits = { drainMs: DRAIN_MS, workMs: WORK_DRAIN_MS }) {
    this.#log = log;
    this.#limits = limits;
  }

  isStopping(): boolean {
    return this.#draining !== undefined;
  }

  async begin<Part extends Running>(kind: 'work' | 'last', start: () => Promise<Part>): Promise<Part> {
    if (this.#draining) {
      await this.#draining;
      throw new Error('it was stopped during its start');
    }
    const starting = start();
    this.#parts[kind].push({
      drain: (leftMs) =>
        starting.then(
          (part) => part.drain(leftMs),
          () => {}, // thrown by the code that started it
        ),
    });
    return starting;
  }

  /**
   * Once, for any number of calls. True when all parts ended in time; the database is stopped in any case.
   */
  drain(): Promise<boolean> {
    this.#draining ??= this.#drainAll();
    return this.#draining;
  }

  async #drainAll(): Promise<boolean> {
    const { drainMs, workMs } = this.#limits;
    const startedAt = performance.now();
    const work = await within(workMs, this.#drainEach(this.#parts.work));
    const leftMs = drainMs - EXIT_MS - (performance.now() - startedAt);
    const last = await within(leftMs, this.#drainEach(this.#parts.last, leftMs - EXIT_MS));
    return work && last;
  }

  async #drainEach(running: Running[], leftMs?: number): Promise<void> {
    const logError = (error: unknown) => this.#log.error({ err: error }, 'while draining');
    await Promise.all(running.map((part) => part.drain(leftMs).catch(logError)));
  }
}

/** False when the time was over first. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const { promise: timeOver, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  const ended = await Promise.race([work.then(() => true), timeOver]);
  clearTimeout(timer);
  return ended;
}
