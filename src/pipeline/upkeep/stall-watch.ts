/** Warns the operator of work that no worker takes: no worker runs, or none for that queue. */
import type { Pool } from 'pg';
import type { Log } from '../../domain/log.ts';
import { type Rounds, startRounds } from '../../domain/rounds.ts';
import { countDue, type StalledQueue, stalledQueues } from '../../queue/stalled.ts';

export interface StallWatchDeps {
  pool: Pool;
  queues: readonly string[];
  log: Log;
}

export interface StallTimes {
  /**
   * The interval of checks. A queue is reported when two checks in a row find that no worker takes its work.
   */
  everyMs: number;
  /** Work that became due more recently is ignored. */
  afterSeconds: number;
  /** The interval at which the same warning is repeated. */
  repeatMs: number;
}

// A worker that dies keeps its messages for 15 s at most: with the two checks it is reported within a minute.
const STALL_TIMES: StallTimes = { everyMs: 10_000, afterSeconds: 15, repeatMs: 600_000 };

/**
 * Logs a warning when it begins and when another queue is affected, repeats it every ten minutes, and logs
 * one line when a queue's work is taken again. Logs nothing while the database is away: other parts report
 * that.
 *
 * @param times production's when absent
 */
export function startStallWatch(deps: StallWatchDeps, times = STALL_TIMES): Rounds {
  const watch = new StallWatch(deps, times);
  return startRounds(times.everyMs, () => watch.look());
}

class StallWatch {
  readonly #deps: StallWatchDeps;
  readonly #times: StallTimes;
  /** Queues that the last check found. */
  #seen: string[] = [];
  /** Queues that were reported. */
  #reported: string[] = [];
  #reportedAt = 0;

  constructor(deps: StallWatchDeps, times: StallTimes) {
    this.#deps = deps;
    this.#times = times;
  }

  async look(): Promise<void> {
    const { pool, queues } = this.#deps;
    try {
      await this.#report(await stalledQueues(pool, queues, this.#times.afterSeconds));
    } catch {
      // Workers could not take anything either: the next check must not count as the second one.
      this.#seen = [];
    }
  }

  async #report(stalled: readonly StalledQueue[]): Promise<void> {
    const names = stalled.map(({ name }) => name);
    const taken = this.#reported.filter((name) => !names.includes(name));
    this.#reported = this.#reported.filter((name) => names.includes(name));
    if (taken.length > 0) this.#deps.log.info({ queues: taken }, 'work is taken again');
    const lasting = stalled.filter(({ name }) => this.#seen.includes(name) || this.#reported.includes(name));
    this.#seen = names;
    const isLate = performance.now() - this.#reportedAt >= this.#times.repeatMs;
    if (lasting.length > this.#reported.length || (lasting.length > 0 && isLate)) await this.#warn(lasting);
  }

  async #warn(stalled: readonly StalledQueue[]): Promise<void> {
    const queues = stalled.map(({ name }) => name);
    const since = new Date(Math.min(...stalled.map((queue) => queue.since.getTime())));
    const due = await countDue(this.#deps.pool, queues);
    this.#deps.log.warn(
      { queues, ...due, since },
      'work waits and no worker takes it: start one, or look in the log why it ended',
    );
    this.#reported = queues;
    this.#reportedAt = performance.now();
  }
}
