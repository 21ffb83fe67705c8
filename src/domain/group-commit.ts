/** Work whose cost is mostly that of its commit: what comes while others are committed goes together with the next. */

export interface GroupCommitOptions<Entry, Answer> {
  /** The most entries of a group. */
  maxEntries: number;
  /** The most bytes of a group; one entry that has more is a group of its own. */
  maxBytes: number;
  /** Commits a group, and says of each entry what came of it. All have failed when it rejects. */
  commit(entries: readonly Entry[]): Promise<readonly PromiseSettledResult<Answer>[]>;
  /** True when an error has nothing to do with any one of the entries: then none is tried again. */
  isShared(error: unknown): boolean;
}

interface Member<Entry, Answer> {
  entry: Entry;
  bytes: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Groups that are committed at once. Nothing waits for company: what comes while fewer are being committed goes at
 * once, so that it takes no longer than alone. With two, one is being prepared while the other waits for the disk.
 */
const COMMITS_AT_ONCE = 2;

/** Commits entries in groups. What is wrong with one entry of a group leaves the others as if each were alone. */
export class GroupCommit<Entry, Answer> {
  readonly #options: GroupCommitOptions<Entry, Answer>;
  readonly #waiting: Member<Entry, Answer>[] = [];
  #committing = 0;
  #isStarting = false;

  constructor(options: GroupCommitOptions<Entry, Answer>) {
    this.#options = options;
  }

  /** Resolves when the entry is committed. Throws what its commit threw, or what it says of this entry. */
  add(entry: Entry, bytes: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ entry, bytes, resolve, reject });
    this.#start();
    return promise;
  }

  /** Not before the entries are there that are added in the same turn of the event loop. */
  #start(): void {
    if (this.#isStarting || this.#committing === COMMITS_AT_ONCE) return;
    this.#isStarting = true;
    queueMicrotask(() => {
      this.#isStarting = false;
      void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    this.#committing++;
    while (this.#waiting.length > 0) await this.#commit(this.#nextGroup());
    this.#committing--;
  }

  #nextGroup(): Member<Entry, Answer>[] {
    const { maxEntries, maxBytes } = this.#options;
    let bytes = 0;
    const end = this.#waiting.findIndex((member, count) => {
      bytes += member.bytes;
      return count >= maxEntries || (count > 0 && bytes > maxBytes);
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #commit(group: readonly Member<Entry, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.commit(group.map(({ entry }) => entry));
      for (const [position, { resolve, reject }] of group.entries()) {
        const answer = answers[position];
        if (answer?.status === 'fulfilled') resolve(answer.value);
        else reject(answer?.reason);
      }
    } catch (error) {
      if (group.length === 1 || this.#options.isShared(error)) for (const { reject } of group) reject(error);
      // All at once: one that must wait for something keeps none of the others waiting.
      else await Promise.all(group.map((member) => this.#commit([member])));
    }
  }
}
