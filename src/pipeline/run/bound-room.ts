/**
 * How much values of other jobs' responses a batch may store with its jobs. A request of a few megabytes could fill the disk
 * else: a large response that each of a hundred thousand jobs gets.
 */
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { boundBytes } from '../../store/bound-params.ts';

/** Characters of values that one job gets: four of the largest responses. */
export const MAX_BOUND_LENGTH = 4 * 1024 * 1024;
/** A thousand jobs can get as much as one job may. */
export const MAX_BATCH_BYTES = 1024 * MAX_BOUND_LENGTH;
/** For so long a process relies on what it has read: a batch may get more by what is bound meanwhile. */
const READ_MS = 5_000;
const BATCHES = 1000;

export class BoundRoom {
  readonly #bytes: LRUCache<string, number>;

  constructor(pool: Pool) {
    this.#bytes = new LRUCache({
      max: BATCHES,
      ttl: READ_MS,
      fetchMethod: (batchId) => boundBytes(pool, batchId),
    });
  }

  /** @param total the number of jobs in the batch: a few cannot get too much */
  async isFull(batchId: string, total: number): Promise<boolean> {
    if (total * MAX_BOUND_LENGTH <= MAX_BATCH_BYTES) return false;
    return ((await this.#bytes.fetch(batchId)) ?? 0) >= MAX_BATCH_BYTES;
  }
}
