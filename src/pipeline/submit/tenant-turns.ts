/**
 * Work of which only so much is done at once, one tenant's after another's: however much one tenant has waiting, the
 * next turn but those of the others is another's.
 */
export class TenantTurns {
  #free: number;
  /** What waits, by tenant; the first of the tenants is the next. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  get areWaitedFor(): boolean {
    return this.#waiting.size > 0;
  }

  /** Does the work when it is the tenant's turn. */
  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(tenant);
    try {
      return await work();
    } finally {
      this.#giveBack();
    }
  }

  #turn(tenant: string): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(tenant);
      if (queue) queue.push(resolve);
      else this.#waiting.set(tenant, [resolve]);
    });
  }

  #giveBack(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free++;
      return;
    }
    const [tenant, [first, ...others]] = next;
    this.#waiting.delete(tenant);
    // Behind all others.
    if (others.length > 0) this.#waiting.set(tenant, others);
    first?.();
  }
}
