/** `client.actions` */

import { pathSegment, requireName } from './paths.ts';
import type { Action, ActionLimits, Limits } from './resources/action.ts';
import type { ActionCall } from './resources/job.ts';
import { type CallOptions, newIdempotencyKey, type Transport, withQuery } from './transport.ts';

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
  async retrieve(name: string, { signal }: CallOptions = {}): Promise<Action> {
    return this.#transport.json({ path: `/v1/actions/${pathSegment('name', name)}`, signal });
  }

  /**
   * Pauses or resumes an action, or changes its limits, for all tenants. It needs a key of the tenant `default` with the
   * permission `admin`.
   *
   * @param change `limits: null` restores the limits in its file
   */
  async change(
    name: string,
    change: { paused?: boolean; limits?: Limits | null },
    { signal }: CallOptions = {},
  ): Promise<ActionLimits> {
    const path = `/v1/actions/${pathSegment('name', name)}`;
    return this.#transport.json({ method: 'PATCH', path, json: change, signal });
  }

  /**
   * Runs one job and returns its response. Throws an ApiError with the job's own error when it failed, and a
   * ServerError (504) when it takes longer than the server waits, 30 s, and all repeats do.
   */
  async run<Response = unknown>(
    ...[name, params, options = {}]: [...call: ActionCall, options?: RunOptions]
  ): Promise<Response> {
    const { signal, idempotencyKey = newIdempotencyKey() } = options;
    requireName('name', name);
    const [namespace = '', ...rest] = name.split('.');
    const path = withQuery(`/api/1.0/${pathSegment('the namespace in name', namespace)}`, {
      action: rest.join('.'),
    });
    const headers = { 'idempotency-key': idempotencyKey };
    return this.#transport.json({ method: 'POST', path, json: params, headers, signal });
  }
}
