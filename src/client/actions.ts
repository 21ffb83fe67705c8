/** `client.actions` */
import { type CallOptions, newIdempotencyKey, type Transport, withQuery } from './transport.ts';
import type { Action, ActionCall } from './types.ts';

interface RunOptions extends CallOptions {
  idempotencyKey?: string | undefined;
}

export class Actions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All actions that can be run, by name. */
  async list({ signal }: CallOptions = {}): Promise<Action[]> {
    return (await this.#transport.json<{ data: Action[] }>({ path: '/v1/actions', signal })).data;
  }

  /** @param name `namespace.action` */
  retrieve(name: string, { signal }: CallOptions = {}): Promise<Action> {
    return this.#transport.json({ path: `/v1/actions/${encodeURIComponent(name)}`, signal });
  }

  /**
   * Runs one job and returns its response. Throws an ApiError with the job's own error when it failed, and a
   * ServerError (504) when it takes longer than the server waits, 30 s, and all repeats do.
   */
  run<Response = unknown>(
    ...[name, params, options = {}]: [...call: ActionCall, options?: RunOptions]
  ): Promise<Response> {
    const { signal, idempotencyKey = newIdempotencyKey() } = options;
    const [namespace = '', ...rest] = name.split('.');
    const path = withQuery(`/api/1.0/${encodeURIComponent(namespace)}`, { action: rest.join('.') });
    const headers = { 'idempotency-key': idempotencyKey };
    return this.#transport.json({ method: 'POST', path, json: params, headers, signal });
  }
}
