/** The jobs of a batch that have not ended. */
import { hasEnded } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import type { BatchRow } from '../../store/batches.ts';
import { type OpenChunk, type OpenStatus, openChunkFrom } from '../../store/open-jobs.ts';
import type { JobViewDeps } from './job-view.ts';
import { jobReader } from './result-pages.ts';
import { requireBatch } from './status.ts';

export type { OpenStatus };
export const OPEN_STATUSES: readonly OpenStatus[] = ['pending', 'waiting', 'running'];

export interface OpenJobRange {
  fromIndex: number;
  limit: number;
  /** All when undefined. */
  status: OpenStatus | undefined;
}

/** A page ends behind the job with which it exceeds this length. */
const MAX_PAGE_LENGTH = 4 * 1024 * 1024;
/** Chunks whose jobs are read for a page: where few of many jobs are selected, a page has fewer than its limit. */
const MAX_CHUNKS = 10;

/**
 * JSON text, `{"data":[…],"nextCursor"}`: jobs without a result, in the order of the request, each as it was sent. Throws
 * `batchNotFound` like `requireBatch`.
 */
export async function openJobPage(
  { pool, resultTurns }: Pick<JobViewDeps, 'pool' | 'resultTurns'>,
  caller: Caller,
  asyncId: unknown,
  { fromIndex, limit, status }: OpenJobRange,
): Promise<string> {
  const batch = await requireBatch(pool, caller, asyncId);
  const page = new OpenPage(limit);
  // Before its time every job waits: no chunk is passed over.
  const sought = status === 'waiting' && batch.isScheduled ? null : (status ?? null);
  const read = async () => {
    let from = fromIndex;
    for (let chunks = 0; chunks < MAX_CHUNKS && !page.isFull && from < batch.total; chunks++) {
      const { chunk, lookedTo } = await openChunkFrom(pool, batch.id, from, sought);
      if (chunk) page.add(openJobsOf(chunk, batch, from, status));
      else chunks = MAX_CHUNKS;
      from = chunk ? chunk.firstIndex + chunk.count : (lookedTo ?? batch.total);
    }
    return page.text(from < batch.total ? from : null);
  };
  return hasEnded(batch.state) ? page.text(null) : resultTurns.take(batch.tenant, read);
}

interface ListedJob {
  index: number;
  /** JSON text. */
  text: string;
}

function* openJobsOf(
  { firstIndex, count, jobs, recorded, running, pending }: OpenChunk,
  { isScheduled }: BatchRow,
  from: number,
  wanted: OpenStatus | undefined,
): Generator<ListedJob> {
  const sentAt = jobReader(jobs);
  const ended = new Set(recorded);
  const progresses = new Map(running.map((progress) => [progress.index, progress]));
  for (let index = Math.max(from, firstIndex); index < firstIndex + count; index++) {
    if (ended.has(index)) continue;
    const { done = null, total = null } = progresses.get(index) ?? {};
    const waits = isScheduled || (pending?.[index - firstIndex] ?? 0) > 0;
    const status = waits ? 'waiting' : progresses.has(index) ? 'running' : 'pending';
    if (wanted !== undefined && status !== wanted) continue;
    const { id, namespace, action, request } = sentAt(index - firstIndex);
    const progress = total === null ? 'null' : JSON.stringify({ done, total });
    yield {
      index,
      text: `{"index":${index},${id === undefined ? '' : `"id":${id},`}"namespace":${namespace},"action":${action},"request":${request},"status":"${status}","progress":${progress}}`,
    };
  }
}

class OpenPage {
  readonly #limit: number;
  readonly #texts: string[] = [];
  #length = 0;
  /** The index of the first job behind the page. */
  #next: number | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#next !== undefined;
  }

  add(jobs: Iterable<ListedJob>): void {
    for (const { index, text } of jobs) {
      if (this.#texts.length === this.#limit || this.#length > MAX_PAGE_LENGTH) {
        this.#next = index;
        return;
      }
      this.#texts.push(text);
      this.#length += text.length;
    }
  }

  /** @param from where the search ended, when the page is not full; null at the end of the batch */
  text(from: number | null): string {
    const next = this.#next ?? from;
    return `{"data":[${this.#texts.join(',')}],"nextCursor":${next === null ? 'null' : `"${next}"`}}`;
  }
}
