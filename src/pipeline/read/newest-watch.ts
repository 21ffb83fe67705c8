/** Reports the newest batches of tenants to any number of listeners, with one query a look for each tenant. */
import type { Pool } from 'pg';
import { type AsyncId, toAsyncId } from '../../domain/batch.ts';
import { newestBatches } from '../../store/batch-list.ts';

export interface Newest {
  asyncId: AsyncId;
  /** Another one after each restart. */
  generation: number;
}

/** Called after each look with the newest batches of the tenant, newest first, and with `closing` when this process stops. */
export type NewestListener = (newest: readonly Newest[] | 'closing') => void;

/** As many as a page of the list has. An upload may take long: its batch is then not the very newest at its end. */
const MAX_NEWEST = 50;

export class NewestWatch {
  readonly #pool: Pool;
  readonly #byTenant = new Map<string, Set<NewestListener>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get isWatched(): boolean {
    return this.#byTenant.size > 0;
  }

  /** Returns a function that unsubscribes. */
  subscribe(tenant: string, listener: NewestListener): () => void {
    const listeners = this.#byTenant.get(tenant) ?? new Set();
    this.#byTenant.set(tenant, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byTenant.get(tenant) === listeners) this.#byTenant.delete(tenant);
    };
  }

  /** Sends `closing` to every listener and ends all subscriptions. */
  close(): void {
    const listeners = [...this.#byTenant.values()].flatMap((ofTenant) => [...ofTenant]);
    this.#byTenant.clear();
    for (const listener of listeners) listener('closing');
  }

  async look(): Promise<void> {
    for (const [tenant, listeners] of [...this.#byTenant]) {
      const found = await newestBatches(this.#pool, tenant, MAX_NEWEST);
      const newest = found.map(({ id, generation }) => ({ asyncId: toAsyncId(id), generation }));
      for (const listener of [...listeners]) listener(newest);
    }
  }
}
