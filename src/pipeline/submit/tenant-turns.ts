/**
 * Limits how much work is done at once and takes the tenants in turn: a tenant with much waiting work delays
 * another tenant by one turn at most.
 */
export class TenantTurns {
  #free: number;
  /** Waiting work by tenant; the first tenant is next. */
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
    // The tenant goes to the end of the line.
    if (others.length > 0) this.#waiting.set(tenant, others);
    first?.();
  }
}
