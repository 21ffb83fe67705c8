/**
 * A number of places that owners share. An owner gets a place only while it holds fewer than are free. So a
 * single owner gets half of them, several owners share them, and some are left for the next owner.
 */
export class FairShare {
  #free: number;
  readonly #held = new Map<string, number>();
  /** Waiting callers by owner; the first owner has the next turn. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(places: number) {
    this.#free = places;
  }

  /** True when the owner would get a place at once. */
  hasPlace(owner: string): boolean {
    return (this.#held.get(owner) ?? 0) < this.#free;
  }

  /** True when the owner got a place, which must be given back. */
  take(owner: string): boolean {
    if (!this.hasPlace(owner)) return false;
    this.#free--;
    this.#held.set(owner, (this.#held.get(owner) ?? 0) + 1);
    return true;
  }

  /**
   * Waits for a place, which must be given back. Owners take turns; within an owner the order is first come,
   * first served. Throws the signal's reason when that is aborted first.
   */
  async enter(owner: string, signal?: AbortSignal): Promise<void> {
    if (!this.take(owner)) await this.#wait(owner, signal);
  }

  give(owner: string): void {
    const held = (this.#held.get(owner) ?? 0) - 1;
    if (held > 0) this.#held.set(owner, held);
    else this.#held.delete(owner);
    this.#free++;
    for (let enter = this.#next(); enter; enter = this.#next()) enter();
  }

  /** Waits for a place and holds it while `work` runs. Throws like `enter`, and what `work` throws. */
  async run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!this.take(owner)) await this.#wait(owner, signal);
    try {
      return await work();
    } finally {
      this.give(owner);
    }
  }

  async #wait(owner: string, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(owner) ?? new Set();
    this.#waiting.set(owner, waiting.add(resolve));
    const leave = () => {
      waiting.delete(resolve);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave);
    await promise.finally(() => signal?.removeEventListener('abort', leave));
  }

  /**
   * Takes a place for the first waiting owner that may have one; that owner then goes to the end of the line.
   */
  #next(): (() => void) | undefined {
    for (const [owner, waiting] of this.#waiting) {
      const [enter] = waiting;
      if (enter && !this.take(owner)) continue;
      this.#waiting.delete(owner);
      if (!enter) continue;
      waiting.delete(enter);
      if (waiting.size > 0) this.#waiting.set(owner, waiting);
      return enter;
    }
    return undefined;
  }
}
