import { createHmac, createSecretKey, type Hmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';

/** A Standard Webhooks secret: `whsec_` and 32 random bytes in base64. */
export function newCallbackSecret(): string {
  return PREFIX + randomBytes(32).toString('base64');
}

/** True for `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks asks for. */
export function isCallbackSecret(secret: string): boolean {
  if (!secret.startsWith(PREFIX)) return false;
  const encoded = secret.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64');
  return (
    bytes.length >= 24 &&
    bytes.length <= 64 &&
    bytes.toString('base64').replaceAll('=', '') === encoded.replaceAll('=', '')
  );
}

/**
 * The HMAC-SHA256 of `id.timestamp.body` by each of several secrets: the body is added piece by piece.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export class Signature {
  readonly #hmacs: readonly Hmac[];

  /** @param timestamp in seconds since 1970 */
  constructor(secrets: readonly string[], id: string, timestamp: number) {
    this.#hmacs = secrets.map((secret) => {
      // A key object costs a third of the key that createHmac would make of the bytes.
      const key = createSecretKey(secret.slice(PREFIX.length), 'base64');
      return createHmac('sha256', key).update(`${id}.${timestamp}.`);
    });
  }

  update(bytes: Buffer): this {
    for (const hmac of this.#hmacs) hmac.update(bytes);
    return this;
  }

  /** The value of `webhook-signature`: a signature for each secret, in their order. Call it once. */
  header(): string {
    return this.#hmacs.map((hmac) => `v1,${hmac.digest('base64')}`).join(' ');
  }
}
