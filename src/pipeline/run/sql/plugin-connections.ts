/**
 * Database connections for plugins' statements: separate from the engine's own, and shared fairly between
 * actions.
 */
import type { Pool, PoolClient } from 'pg';
import { FairShare } from '../../../domain/fair-share.ts';
import { abandon } from '../../../postgres/cancel.ts';
import { handBack } from '../../../postgres/session.ts';

/** A connection lent for one statement or one transaction. Return it with `release` or `abandon`. */
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

  /** @param changed true when a statement may have changed the session */
  release(changed: boolean): void {
    if (this.isAbandoned) return;
    if (changed) handBack(this.client);
    else this.client.release();
    this.#end();
  }

  /** Cancels the running statement, on the server too, and closes the connection. Never rejects. */
  abandon(): Promise<void> {
    this.#abandoned ??= abandon(this.client).finally(this.#end);
    return this.#abandoned;
  }
}

/**
 * An action gets a connection only while it holds fewer than are free. So actions with slow statements leave
 * some to the others.
 */
export class PluginConnections {
  readonly #pool: Pool;
  readonly #share: FairShare;
  readonly #leases = new Set<Lease>();

  /** @param pool opens its connections with `openSession` */
  constructor(pool: Pool) {
    this.#pool = pool;
    this.#share = new FairShare(pool.options.max);
  }

  /** Lends a connection when it is the action's turn. Throws the error when no connection can be made. */
  async lend(action: string): Promise<Lease> {
    await this.#share.enter(action);
    try {
      const client = await this.#pool.connect();
      const lease: Lease = new Lease(client, () => {
        this.#leases.delete(lease);
        this.#share.give(action);
      });
      this.#leases.add(lease);
      return lease;
    } catch (error) {
      this.#share.give(action);
      throw error;
    }
  }

  /** True when the action would have to wait for a connection. */
  isBusy(action: string): boolean {
    return !this.#share.hasPlace(action);
  }

  /** Ends everything still running. */
  async close(): Promise<void> {
    const ended = this.#pool.end(); // and no connection is made any more for waiting callers
    await Promise.all([...this.#leases].map((lease) => lease.abandon()));
    await ended;
  }
}
