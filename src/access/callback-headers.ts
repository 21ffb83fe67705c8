/** The headers that a batch's callback carries in addition: stored encrypted, because they may have secrets. */
import { createSecretCipher } from './secret-cipher.ts';

export type CallbackHeaders = Readonly<Record<string, string>>;

/** Throws like the cipher of `createSecretCipher`. */
export function callbackHeaderCipher(secretKey: string | undefined): {
  encrypt(headers: CallbackHeaders, tenant: string): Buffer;
  decrypt(encrypted: Buffer, tenant: string): CallbackHeaders;
} {
  const cipher = createSecretCipher(secretKey);
  // Another tenant's row cannot be decrypted, nor a secret of another kind.
  const owner = (tenant: string) => `callback headers of ${tenant}`;
  return {
    encrypt: (headers, tenant) => cipher.encrypt(JSON.stringify(headers), owner(tenant)),
    decrypt: (encrypted, tenant) => JSON.parse(cipher.decrypt(encrypted, owner(tenant))),
  };
}
