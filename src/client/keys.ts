/** `client.keys`: API keys of the tenant. They need a key with the permission `admin`. */

import { pathSegment } from './paths.ts';
import type { Key, NewKey } from './resources/key.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The answer has the key, which is shown only once. It is not repeated after a broken connection. */
  create(wanted: NewKey, { signal }: CallOptions = {}): Promise<Key & { key: string; secret?: string }> {
    return this.#transport.json({
      method: 'POST',
      path: '/v1/keys',
      json: wanted,
      signal,
      repeat: 'refused',
    });
  }

  async list({ signal }: CallOptions = {}): Promise<Key[]> {
    return (await this.#transport.json<{ data: Key[] }>({ path: '/v1/keys', signal })).data;
  }

  /** Within 5 s the key is refused. */
  async revoke(id: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: `/v1/keys/${pathSegment('id', id)}`, signal });
  }
}
