/** The connections that plugins' statements come by: apart from the engine's own, and shared out by action. */
import pLimit, { type LimitFunction } from 'p-limit';
import type { Pool, PoolClient } from 'pg';
import { abandon } from '../postgres/cancel.ts';
import { handBack } from '../postgres/session.ts';

/** A connection that is lent for one statement, or for one transaction. To be given back in one of the two ways. */
export class Lease {
  readonly client: PoolClient;
  readonly #end: () => void;
  #abandoned: Promise<void> | undefined;

  constructor(client: PoolClient, end: () => void) {
    this.client = client;
    this.#end = end;
  }

  get isAbandoned(): boolean {
    return this.#abandoned !== undefined;
  }

  /** @param changed when a statement may have left something on the session */
  release(changed: boolean): void {
    if (this.isAbandoned) return;
    if (changed) handBack(this.client);
    else this.client.release();
    this.#end();
  }

  /** Ends what is under way on the connection, at the server too, and closes it. Never rejects. */
  abandon(): Promise<void> {
    this.#abandoned ??= abandon(this.client).finally(this.#end);
    return this.#abandoned;
  }
}

export class PluginConnections {
  readonly #pool: Pool;
  readonly #all: LimitFunction;
  readonly #shares = new Map<string, LimitFunction>();
  readonly #leases = new Set<Lease>();

  /** @param pool its connections opened by `openSession` */
  constructor(pool: Pool) {
    this.#pool = pool;
    this.#all = pLimit(pool.options.max);
  }

  /** Lends a connection when one is free. Throws what keeps it from being made. */
  async lend(action: string): Promise<Lease> {
    const leaveShare = await enter(this.#shareOf(action));
    const leaveAll = await enter(this.#all);
    const end = () => {
      leaveAll();
      leaveShare();
    };
    try {
      const client = await this.#pool.connect();
      const lease: Lease = new Lease(client, () => {
        this.#leases.delete(lease);
        end();
      });
      this.#leases.add(lease);
      return lease;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** True when the action would have to wait for a connection. */
  isBusy(action: string): boolean {
    return isFull(this.#shareOf(action)) || isFull(this.#all);
  }

  /** Ends what is still under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease.abandon()));
    await this.#pool.end();
  }

  /** Half of them at most: an action whose statements take long leaves the other half to the others. */
  #shareOf(action: string): LimitFunction {
    const share = this.#shares.get(action) ?? pLimit(Math.max(1, Math.floor(this.#pool.options.max / 2)));
    this.#shares.set(action, share);
    return share;
  }
}

function isFull(limit: LimitFunction): boolean {
  return limit.activeCount >= limit.concurrency;
}

/** Resolves when it is the caller's turn, to what ends that. */
function enter(limit: LimitFunction): Promise<() => void> {
  return new Promise((resolve) => {
    void limit(() => new Promise<void>((leave) => resolve(leave)));
  });
}
