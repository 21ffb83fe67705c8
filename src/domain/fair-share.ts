/**
 * A number of places for several owners. An owner gets one only while it holds fewer than are free: one alone gets
 * half of them, several share what there is, and something is left for the next one.
 */
export class FairShare {
  #free: number;
  readonly #held = new Map<string, number>();
  /** What lets each of them in, by owner, those first whose owner's turn is next. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(places: number) {
    this.#free = places;
  }

  /** True when the owner would get a place now. */
  hasPlace(owner: string): boolean {
    return (this.#held.get(owner) ?? 0) < this.#free;
  }

  /** True with a place for the owner, which must be given back; false without one. */
  take(owner: string): boolean {
    if (!this.hasPlace(owner)) return false;
    this.#free--;
    this.#held.set(owner, (this.#held.get(owner) ?? 0) + 1);
    return true;
  }

  /**
   * Waits for a place, which must be given back: in turn with the owners that may have one, first come, first served
   * within an owner. Throws the signal's reason when that is aborted first.
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

  /** Waits for a place and holds it while `work` is under way. Throws as `enter` does, and what `work` throws. */
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

  /** Takes a place for the first that waits and may have one, whose owner is then the last to have another turn. */
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
