/** Wakes lanes for what nobody tells of: messages whose delay is over, and all where NOTIFY does not come through. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { queryByIndex } from './by-index.ts';

const POLL_MS = 500;

/**
 * One message of a kind, by pg-boss's index on (name, state, blocked, start_after): the order is what makes Postgres
 * use it. For statements that have a row `queue` with the queue's `name`.
 */
export const FIRST = (column: string, state: string, more = '') => `(
  select ${column} from pgboss.job_common
  where name = queue.name and state = '${state}' and not blocked ${more} order by start_after limit 1)`;

/** When the first message that waits in the queue is or was due. */
export const FIRST_DUE = `least(${FIRST('start_after', 'created')}, ${FIRST('start_after', 'retry')})`;

const DUE = `select name from unnest($1::text[]) as queue (name) where ${FIRST_DUE} <= pgboss.job_now()`;

export interface DuePolling {
  /** Resolves when no question is under way. */
  stop(): Promise<void>;
}

/**
 * Asks twice a second which queues have a message that is due: one statement for all of them, of two looks at an
 * index each, for most of the time nothing is.
 *
 * @param options.queues those to ask for, at each time
 * @param options.onDue gets each queue that has one
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
