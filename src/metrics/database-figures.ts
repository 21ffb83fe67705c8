/** Figures that are in the database, not in a process: read by the scrape, not more often than every few seconds. */
import { type Figure, gauge } from './figures.ts';

/** What the database knows. */
export interface DatabaseCounts {
  /** Batches that have not ended, by state. */
  batches: readonly { state: string; count: number }[];
  queues: readonly {
    /** As in pg-boss: `jobs.default`, `quarantine.default`, `callbacks`. */
    queue: string;
    /** Messages by state. */
    messages: Readonly<Record<string, number>>;
    /** Since when the first message that is due waits. */
    oldestSeconds: number;
  }[];
  callbacksWaiting: number;
  workers: number;
}

const CACHE_MS = 3_000;
const WAIT_MS = 2_000;

export class DatabaseFigures {
  readonly #count: () => Promise<DatabaseCounts>;
  #figures: Promise<Figure[]> | undefined;
  #readAt = 0;
  /** A count that has not ended: while the database hangs, further ones would take the connections of requests. */
  #counting: Promise<DatabaseCounts | null> | undefined;

  constructor(count: () => Promise<DatabaseCounts>) {
    this.#count = count;
  }

  /**
   * Empty when the database does not answer within two seconds: a process's own figures do not wait for it. Calls
   * within three seconds share one count.
   */
  read(): Promise<Figure[]> {
    const now = performance.now();
    if (!this.#figures || now - this.#readAt > CACHE_MS) {
      this.#readAt = now;
      this.#figures = this.#read();
    }
    return this.#figures;
  }

  async #read(): Promise<Figure[]> {
    const over = Promise.withResolvers<null>();
    const deadline = setTimeout(() => over.resolve(null), WAIT_MS);
    this.#counting ??= this.#count()
      .catch(() => null)
      .finally(() => {
        this.#counting = undefined;
      });
    const counts = await Promise.race([this.#counting, over.promise]);
    clearTimeout(deadline);
    return counts === null ? [] : figuresOf(counts);
  }
}

function figuresOf({ batches, queues, callbacksWaiting, workers }: DatabaseCounts): Figure[] {
  return [
    gauge(
      'batches',
      'Batches that have not ended, by state.',
      batches.map(({ state, count }) => ({ labels: { state }, value: count })),
    ),
    gauge(
      'queue_messages',
      'Messages of each queue: ready, delayed (a retry or a time), held (by a limit), active. Counted up to 100,000.',
      queues.flatMap(({ queue, messages }) =>
        Object.entries(messages).map(([state, value]) => ({ labels: { queue, state }, value })),
      ),
    ),
    gauge(
      'oldest_waiting_seconds',
      'How long the message that has waited longest has been due.',
      queues.map(({ queue, oldestSeconds }) => ({ labels: { queue }, value: oldestSeconds })),
    ),
    gauge('callbacks_waiting', 'Callbacks that are not delivered yet. Counted up to 100,000.', [
      { value: callbacksWaiting },
    ]),
    gauge('workers', 'Worker processes that take jobs, of all hosts.', [{ value: workers }]),
  ];
}
