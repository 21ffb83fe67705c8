/**
 * A number of places for several owners. An owner gets one only while it holds fewer than are free: one alone gets
 * half of them, several share what there is, and something is left for the next one.
 */
export class FairShare {
  #free: number;
  readonly #held = new Map<string, number>();
  /** First come, first served, but for those whose owner holds its share. */
  #waiting: { owner: string; enter(): void }[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** True with a place for the owner, which must be given back; false without one. */
  take(owner: string): boolean {
    const held = this.#held.get(owner) ?? 0;
    if (held >= this.#free) return false;
    this.#free--;
    this.#held.set(owner, held + 1);
    return true;
  }

  give(owner: string): void {
    const held = (this.#held.get(owner) ?? 0) - 1;
    if (held > 0) this.#held.set(owner, held);
    else this.#held.delete(owner);
    this.#free++;
    this.#waiting = this.#waiting.filter((waiting) => {
      if (!this.take(waiting.owner)) return true;
      waiting.enter();
      return false;
    });
  }

  /** Waits for a place and holds it while `work` is under way. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (!this.take(owner)) await new Promise<void>((enter) => this.#waiting.push({ owner, enter }));
    try {
      return await work();
    } finally {
      this.give(owner);
    }
  }
}
