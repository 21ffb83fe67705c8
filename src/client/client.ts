import { Actions } from './actions.ts';
import { Batches } from './batches.ts';
import { unwrapCallback } from './callback.ts';
import { ServerError } from './errors.ts';
import { Keys } from './keys.ts';
import { type Page, Pages } from './pages.ts';
import type { LimitsInUse } from './resources/action.ts';
import type { CallbackSecrets, OpenCallback, TestedCallback } from './resources/callback.ts';
import type { OwnKey } from './resources/key.ts';
import type { AuditEntry, System } from './resources/system.ts';
import { type CallOptions, type ClientOptions, Transport, withQuery } from './transport.ts';

export interface AuditOptions extends CallOptions {
  event?: string;
  /** The key, batch, action, tenant or address that was changed. */
  target?: string;
  /** The key that did it. */
  keyId?: string;
  tenant?: string;
  /** Entries a page: 100 when absent, 1,000 at most. */
  limit?: number;
}

/**
 * A client of the API, for Node 20 and later, Deno, Bun and browsers. It needs nothing but fetch.
 *
 * Requests that fail in passing (408, 429, 5xx, a broken connection) are repeated twice, under one Idempotency-Key.
 * Errors of the server are an ApiError of a class of their own, such as AuthenticationError.
 */
export class Batchwright {
  readonly batches: Batches;
  readonly actions: Actions;
  readonly keys: Keys;
  /** The same as the exported function. */
  readonly unwrapCallback = unwrapCallback;
  readonly #transport: Transport;

  /** Throws a TypeError for a wrong option. */
  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.batches = new Batches(this.#transport);
    this.actions = new Actions(this.#transport);
    this.keys = new Keys(this.#transport);
  }

  /**
   * Sends one signed test callback, with `"test": true` in its body, and returns what came back. It needs a key with the
   * permission `admin`.
   *
   * @param headers further headers of the callback
   */
  testCallback(
    url: string,
    { headers, signal }: CallOptions & { headers?: Record<string, string> } = {},
  ): Promise<TestedCallback> {
    return this.#transport.json({
      method: 'POST',
      path: '/v1/callbacks/test',
      json: { url, headers },
      signal,
      repeat: 'refused',
    });
  }

  /** Whether the server can do its work now, and the time of its clock, to the second. It needs no valid key. */
  async health({ signal }: CallOptions = {}): Promise<{ isReady: boolean; date: Date | undefined }> {
    const live = await this.#transport.open({ path: '/healthz', signal });
    live.close();
    const date = live.response.headers.get('date');
    const isReady = await this.#transport.json({ path: '/readyz', signal }).then(
      () => true,
      (error) => {
        if (error instanceof ServerError) return false;
        throw error;
      },
    );
    return { isReady, date: date === null ? undefined : new Date(date) };
  }

  /** The secret that signs the callbacks of the key's tenant, and those that it has replaced lately. */
  callbackSecrets({ signal }: CallOptions = {}): Promise<CallbackSecrets> {
    return this.#transport.json({ path: '/v1/callback-secret', signal });
  }

  /**
   * Makes a new secret; the old one signs beside it for 24 h. It needs a key with the permission `admin`, and is not
   * repeated after a broken connection.
   */
  rotateCallbackSecret({ signal }: CallOptions = {}): Promise<CallbackSecrets> {
    return this.#transport.json({
      method: 'POST',
      path: '/v1/callback-secret',
      signal,
      repeat: 'refused',
    });
  }

  /** The secret that signs the callbacks of the key's tenant. */
  async callbackSecret({ signal }: CallOptions = {}): Promise<string> {
    return (await this.callbackSecrets({ signal })).secret;
  }

  /** The key of this client, and what it may do. */
  me({ signal }: CallOptions = {}): Promise<OwnKey> {
    return this.#transport.json({ path: '/v1/me', signal });
  }

  /** The callbacks of all ended batches that are not delivered, those of the newest batches first. */
  openCallbacks({
    signal,
    ...query
  }: CallOptions & { state?: 'pending' | 'failed'; limit?: number } = {}): Pages<OpenCallback> {
    return new Pages((cursor) =>
      this.#transport.json<Page<OpenCallback>>({
        path: withQuery('/v1/callbacks', { ...query, cursor }),
        signal,
      }),
    );
  }

  /** The limits of actions, and what waits for them: the operator sees all, others what their own jobs wait for. */
  limits({ signal }: CallOptions = {}): Promise<LimitsInUse> {
    return this.#transport.json({ path: '/v1/limits', signal });
  }

  /** Queues, workers and the database. It needs a key of the tenant `default` with the permission `admin`. */
  system({ signal }: CallOptions = {}): Promise<System> {
    return this.#transport.json({ path: '/v1/system', signal });
  }

  /** Who changed what, newest first. It needs a key with the permission `admin`. */
  audit({ signal, ...query }: AuditOptions = {}): Pages<AuditEntry> {
    return new Pages((cursor) =>
      this.#transport.json<Page<AuditEntry>>({
        path: withQuery('/v1/audit', { ...query, cursor }),
        signal,
      }),
    );
  }
}
