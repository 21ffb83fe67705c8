/** Jobs that waited for others. A message has some of several chunks, so the chunks are kept for the next messages. */
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { type Lists, listAt } from '../../domain/plan/edge.ts';
import { splitArray } from '../../json/split.ts';
import type { ChunkMessage } from '../../queue/messages.ts';
import type { LoadedChunk } from '../../store/chunks.ts';
import { loadBatchOfJobs, loadPlannedChunks } from '../../store/planned-jobs.ts';
import type { KeptResponses } from './binder.ts';
import { BoundRoom } from './bound-room.ts';

/** Characters of job texts that are kept. */
const MAX_KEPT = 32 * 1024 * 1024;
/** Chunks loaded by one statement: some MB. */
const CHUNKS_AT_ONCE = 4;
/** Characters of responses that are kept because jobs get values from them. */
const MAX_KEPT_RESPONSES = 16 * 1024 * 1024;
/** What a kept response takes beside its text. */
const ENTRY_LENGTH = 200;

interface KeptChunk {
  firstIndex: number;
  /** The JSON text of each job. */
  jobs: readonly string[];
  /** For each job the jobs whose responses it gets; null when it is none of any. */
  sources: Lists | null;
  length: number;
}

/** The chunks, and the responses for others, that were used last, in one process. */
export class PlannedJobs {
  readonly responses: KeptResponses = new LRUCache({
    maxSize: MAX_KEPT_RESPONSES,
    sizeCalculation: ({ length }) => length + ENTRY_LENGTH,
  });
  readonly boundRoom: BoundRoom;
  readonly #pool: Pool;
  readonly #kept = new Map<string, KeptChunk>();
  #length = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.boundRoom = new BoundRoom(pool);
  }

  /** Loads the jobs that the message names; null when the batch was deleted meanwhile. */
  async load({ batch, chunk, chunks = [chunk], indexes = [] }: ChunkMessage): Promise<LoadedChunk | null> {
    const loaded = await loadBatchOfJobs(this.#pool, batch, indexes);
    if (!loaded) return null;
    const recorded = new Set(loaded.recorded);
    const open = indexes.filter((index) => !recorded.has(index)).sort((one, other) => one - other);
    const texts = new Map<number, string>();
    const sources = new Map<number, Int32Array>();
    for (let from = 0; from < chunks.length; from += CHUNKS_AT_ONCE) {
      const some = await this.#chunks(batch, chunks.slice(from, from + CHUNKS_AT_ONCE));
      for (const { firstIndex, jobs, sources: all } of some)
        for (const index of within(open, firstIndex, firstIndex + jobs.length)) {
          texts.set(index, jobs[index - firstIndex] as string);
          const own = all && listAt(all, index - firstIndex);
          if (own && own.length > 0) sources.set(index, own);
        }
    }
    return { ...loaded, firstIndex: 0, jobs: '[]', texts, ...(sources.size > 0 ? { sources } : {}) };
  }

  async #chunks(batchId: string, numbers: readonly number[]): Promise<KeptChunk[]> {
    const found: KeptChunk[] = [];
    const missing: number[] = [];
    for (const number of numbers) {
      const key = `${batchId} ${number}`;
      const kept = this.#kept.get(key);
      if (!kept) missing.push(number);
      else {
        // The last one used is the last one dropped.
        this.#kept.delete(key);
        this.#kept.set(key, kept);
        found.push(kept);
      }
    }
    if (missing.length === 0) return found;
    for (const { number, jobs, ...rest } of await loadPlannedChunks(this.#pool, batchId, missing)) {
      const chunk = { ...rest, jobs: splitArray(jobs), length: jobs.length };
      this.#keep(`${batchId} ${number}`, chunk);
      found.push(chunk);
    }
    return found;
  }

  #keep(key: string, chunk: KeptChunk): void {
    this.#length += chunk.length - (this.#kept.get(key)?.length ?? 0);
    this.#kept.set(key, chunk);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#length <= MAX_KEPT) return;
      this.#kept.delete(oldest);
      this.#length -= length;
    }
  }
}

/** The part of the sorted numbers that is from `from` to below `to`. */
function within(sorted: readonly number[], from: number, to: number): readonly number[] {
  return sorted.slice(firstFrom(sorted, from), firstFrom(sorted, to));
}

function firstFrom(sorted: readonly number[], from: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
