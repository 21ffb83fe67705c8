/**
 * Decides which messages of dead workers a quarantine takes, so that the quarantines of other workers run the
 * rest at the same time:
 *
 * - A quarantine without a message takes the next one.
 * - While a message has jobs to start, no other message of its batch is taken: its jobs would wait for the
 *   same slots.
 * - Messages of other batches are taken beside it, so that they do not wait for its end. The quarantine begins
 *   with one place for messages that have jobs to start, and gets another one a second after all are taken:
 *   quarantines without a message could have taken the next one meanwhile.
 */
import type { PgBoss } from 'pg-boss';
import type { Fetched } from './consumer.ts';
import type { ChunkMessage, Claim } from './messages.ts';

/** Quarantines without a message check for one more often than this. */
const ANOTHER_PLACE_MS = 1000;

/** Fetches for one quarantine. It knows which of its messages have jobs to start. */
export class QuarantineFetcher {
  readonly #boss: PgBoss;
  readonly #queue: string;
  /** The batch of each message that may have jobs to start, by the message's id. */
  readonly #batches = new Map<string, string>();
  #places = 1;
  #takenAt = 0;

  constructor(boss: PgBoss, queue: string) {
    this.#boss = boss;
    this.#queue = queue;
  }

  /**
   * Claims at most one message, which must be released.
   *
   * @returns `isShort`: others may wait for a release
   */
  async fetch(): Promise<Fetched<Claim<ChunkMessage>>> {
    const queue = this.#queue;
    const taken = this.#batches.size;
    if (taken >= this.#places) {
      if (performance.now() - this.#takenAt < ANOTHER_PLACE_MS) return { claims: [], isShort: true };
      this.#places = taken + 1;
    }
    const ignoreGroups = [...new Set(this.#batches.values())];
    const [job] = await this.#boss.fetch<ChunkMessage>(queue, { batchSize: 1, ignoreGroups });
    if (!job) return { claims: [], isShort: taken > 0 };
    const { id, retryCount, data } = job;
    this.#batches.set(id, data.batch);
    this.#takenAt = performance.now();
    return { claims: [{ id, queue, retryCount, message: data }], more: true };
  }

  /** All jobs of the message are started, or it is no longer in hand. */
  release({ id }: Claim<unknown>): void {
    this.#batches.delete(id);
    if (this.#batches.size === 0) this.#places = 1;
  }
}
