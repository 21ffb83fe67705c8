import type { NewChunk } from '../../store/new-chunks.ts';

/**
 * A chunk is closed at a number of jobs or bytes. A batch's first chunks are small, so that all lanes of all
 * workers get a part. Later chunks are larger, because each chunk costs a fetch, a settle and a commit.
 */
const SMALL_CHUNKS = 32;
const SMALL_CHUNK_JOBS = 1000;
const CHUNK_JOBS = 4000;
const CHUNK_BYTES = 1024 * 1024;

/** The chunk being filled with a request's jobs. */
export class OpenChunk {
  readonly #number: number;
  readonly #firstIndex: number;
  readonly #jobs: Buffer[] = [];
  /** The action of each queue's jobs; null when they have several. */
  readonly #actions = new Map<string, string | null>();
  readonly #startQueues = new Set<string>();
  #hasWaiting = false;
  readonly #invalid: NewChunk['invalid'] = [];
  #bytes = 0;

  constructor(number: number, firstIndex: number) {
    this.#number = number;
    this.#firstIndex = firstIndex;
  }

  get count(): number {
    return this.#jobs.length;
  }

  /** True when the chunk must be closed before a job of this size is added. */
  isFull(bytes: number): boolean {
    const jobs = this.#number < SMALL_CHUNKS ? SMALL_CHUNK_JOBS : CHUNK_JOBS;
    return this.count >= jobs || (this.count > 0 && this.#bytes + bytes > CHUNK_BYTES);
  }

  /** @param waits the job depends on others */
  add(bytes: Buffer, { queue, name }: { queue: string; name: string }, waits: boolean): void {
    this.#jobs.push(bytes);
    this.#bytes += bytes.length;
    if (waits) this.#hasWaiting = true;
    else this.#startQueues.add(queue);
    const action = this.#actions.get(queue);
    if (action === undefined) this.#actions.set(queue, name);
    else if (action !== name) this.#actions.set(queue, null);
  }

  addInvalid(index: number, bytes: Buffer, error: string): void {
    this.#jobs.push(bytes);
    this.#bytes += bytes.length + error.length;
    this.#invalid.push({ index, error });
  }

  close(): NewChunk {
    return {
      number: this.#number,
      firstIndex: this.#firstIndex,
      count: this.count,
      queues: [...this.#actions.keys()],
      actions: [...this.#actions.values()],
      startQueues: this.#hasWaiting ? [...this.#startQueues] : undefined,
      invalid: this.#invalid,
      jobs: this.#jobs,
      bytes: this.#bytes,
    };
  }
}
