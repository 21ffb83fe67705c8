/**
 * Wakes lanes for messages without a notification: those whose delay is over, and all where NOTIFY does not
 * work.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';

const POLL_MS = 500;

/**
 * One message of a kind, found by pg-boss's index on (name, state, blocked, start_after): the sort order
 * makes Postgres use it. For statements with a row `queue` that has the queue's `name`.
 */
export const FIRST = (column: string, state: string, more = '') => `(
  select ${column} from pgboss.job_common
  where name = queue.name and state = '${state}' and not blocked ${more} order by start_after limit 1)`;

/** When the first waiting message of the queue is or was due. */
export const FIRST_DUE = `least(${FIRST('start_after', 'created')}, ${FIRST('start_after', 'retry')})`;

const DUE = `select name from unnest($1::text[]) as queue (name) where ${FIRST_DUE} <= pgboss.job_now()`;

export interface DuePolling {
  /** Resolves when no query is running. */
  stop(): Promise<void>;
}

/**
 * Checks twice a second which queues have a due message: one statement for all queues, with two index
 * look-ups each, because usually none is due.
 *
 * @param options.queues called before each check: the queues to check
 * @param options.onDue gets each queue that has a due message
 */
export function pollForDue(options: {
  pool: Pool;
  queues(): string[];
  onDue(queue: string): void;
  onError(error: unknown): void;
}): DuePolling {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await delay(POLL_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await poll().catch(options.onError);
    }
  }

  async function poll(): Promise<void> {
    const statement = { name: 'due-queues', text: DUE, values: [options.queues()] };
    for (const { name } of await queryByIndex<{ name: string }>(options.pool, statement)) options.onDue(name);
  }

  const running = run();
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}
