/** Tells the operator of work that nobody takes: no worker lives, or none that works on its queue. */
import type { Pool } from 'pg';
import type { Log } from '../../domain/log.ts';
import { countDue, type StalledQueue, stalledQueues } from '../../queue/stalled.ts';

export interface StallWatchDeps {
  pool: Pool;
  queues: readonly string[];
  log: Log;
}

export interface StallTimes {
  /** Between two looks. A queue is told of when two of them, one after the other, find that nobody takes its work. */
  everyMs: number;
  /** What has been due for less is left alone. */
  afterSeconds: number;
  /** Between two lines of the same. */
  repeatMs: number;
}

// A worker that dies leaves its messages for 15 s at most: with the rest it is told within a minute.
const STALL_TIMES: StallTimes = { everyMs: 10_000, afterSeconds: 15, repeatMs: 600_000 };

/**
 * A warning when it begins and when a queue more is concerned, again every ten minutes while it lasts, and one line when
 * work of a queue is taken again. Nothing while the database is away: others tell of that.
 *
 * @param times production's when absent
 */
export function startStallWatch(deps: StallWatchDeps, times = STALL_TIMES): { stop(): Promise<void> } {
  const watch = new StallWatch(deps, times);
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= watch.look().finally(() => {
      looking = undefined;
    });
  }, times.everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

class StallWatch {
  readonly #deps: StallWatchDeps;
  readonly #times: StallTimes;
  /** Queues that the last look found. */
  #seen: string[] = [];
  /** Queues that the log tells of. */
  #told: string[] = [];
  #toldAt = 0;

  constructor(deps: StallWatchDeps, times: StallTimes) {
    this.#deps = deps;
    this.#times = times;
  }

  async look(): Promise<void> {
    const { pool, queues } = this.#deps;
    try {
      await this.#tell(await stalledQueues(pool, queues, this.#times.afterSeconds));
    } catch {
      // Workers could not take anything either: what the next look finds is no sign of their end.
      this.#seen = [];
    }
  }

  async #tell(stalled: readonly StalledQueue[]): Promise<void> {
    const names = stalled.map(({ name }) => name);
    const taken = this.#told.filter((name) => !names.includes(name));
    this.#told = this.#told.filter((name) => names.includes(name));
    if (taken.length > 0) this.#deps.log.info({ queues: taken }, 'work is taken again');
    const lasting = stalled.filter(({ name }) => this.#seen.includes(name) || this.#told.includes(name));
    this.#seen = names;
    const isLate = performance.now() - this.#toldAt >= this.#times.repeatMs;
    if (lasting.length > this.#told.length || (lasting.length > 0 && isLate)) await this.#warn(lasting);
  }

  async #warn(stalled: readonly StalledQueue[]): Promise<void> {
    const queues = stalled.map(({ name }) => name);
    const since = new Date(Math.min(...stalled.map((queue) => queue.since.getTime())));
    const due = await countDue(this.#deps.pool, queues);
    this.#deps.log.warn(
      { queues, ...due, since },
      'work waits and no worker takes it: start one, or look in the log why it ended',
    );
    this.#told = queues;
    this.#toldAt = performance.now();
  }
}
