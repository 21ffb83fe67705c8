import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';

export interface TurnOptions {
  /** How much of a tenant's work is under way at once. */
  atOnce: number;
  /** Work that has waited for this long begins anyway: the work before it may be slow. */
  maxWaitMs: number;
}

/**
 * Work of a tenant that begins when the tenant's earlier work has ended. Imports that arrive together would otherwise
 * all be held in part, and all be refused because there is no memory for the rest of any of them.
 */
export class Turns {
  readonly #options: TurnOptions;
  readonly #limits = new Map<string, LimitFunction>();

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const limit = this.#limits.get(tenant) ?? pLimit(this.#options.atOnce);
    this.#limits.set(tenant, limit);
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    void limit(() => {
      begun.resolve();
      return ended.promise;
    }).then(() => {
      if (limit.activeCount + limit.pendingCount === 0) this.#limits.delete(tenant);
    });
    const waiting = new AbortController();
    const waited = delay(this.#options.maxWaitMs, undefined, { signal: waiting.signal }).catch(() => {});
    await Promise.race([begun.promise, waited]);
    waiting.abort();
    try {
      return await work();
    } finally {
      ended.resolve();
    }
  }
}
