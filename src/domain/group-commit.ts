/**
 * For work whose main cost is the commit: entries that arrive while others are committed share the next
 * commit.
 */

export interface GroupCommitOptions<Entry, Answer> {
  /** Maximum number of entries in a group. */
  maxEntries: number;
  /** Maximum size of a group; a larger entry forms a group of its own. */
  maxBytes: number;
  /** Commits a group and returns the result of each entry. When it rejects, all entries have failed. */
  commit(entries: readonly Entry[]): Promise<readonly PromiseSettledResult<Answer>[]>;
  /** How long the first entry waits for others, in ms; 0 when absent. For entries whose answer nobody waits for. */
  lingerMs?: number;
  /** True when an error is not caused by a single entry: then the entries are not tried one by one. */
  isShared(error: unknown): boolean;
}

interface Member<Entry, Answer> {
  entry: Entry;
  bytes: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Groups committed at the same time. While fewer groups are being committed, an entry goes at once (or after its
 * linger), so that it takes no longer than alone. With two, one is prepared while the other waits for the disk.
 */
const COMMITS_AT_ONCE = 2;

/** Commits entries in groups. An entry that fails does not affect the others in its group. */
export class GroupCommit<Entry, Answer> {
  readonly #options: GroupCommitOptions<Entry, Answer>;
  readonly #waiting: Member<Entry, Answer>[] = [];
  #committing = 0;
  #isStarting = false;

  constructor(options: GroupCommitOptions<Entry, Answer>) {
    this.#options = options;
  }

  /** Resolves when the entry is committed. Throws what its commit threw, or the entry's own error. */
  add(entry: Entry, bytes: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ entry, bytes, resolve, reject });
    this.#start();
    return promise;
  }

  /** Waits for the entries that are added in the same turn of the event loop, or within the linger. */
  #start(): void {
    if (this.#isStarting || this.#committing === COMMITS_AT_ONCE) return;
    this.#isStarting = true;
    const start = () => {
      this.#isStarting = false;
      void this.#commitAll();
    };
    const { lingerMs = 0 } = this.#options;
    if (lingerMs > 0) setTimeout(start, lingerMs);
    else queueMicrotask(start);
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
      // All at once: an entry that must wait does not delay the others.
      else await Promise.all(group.map((member) => this.#commit([member])));
    }
  }
}
