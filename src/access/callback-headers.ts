/** The headers that a batch's callback carries in addition: stored encrypted, because they may have secrets. */
import { createSecretCipher } from './secret-cipher.ts';

export type CallbackHeaders = Readonly<Record<string, string>>;

/** Another tenant's row cannot be decrypted, nor a secret of another kind. */
export function ownerOfHeaders(tenant: string): string {
  return `callback headers of ${tenant}`;
}

/** Throws like the cipher of `createSecretCipher`. */
export function callbackHeaderCipher(secretKeys: readonly string[] | undefined): {
  encrypt(headers: CallbackHeaders, tenant: string): Buffer;
  decrypt(encrypted: Buffer, tenant: string): CallbackHeaders;
} {
  const cipher = createSecretCipher(secretKeys);
  return {
    encrypt: (headers, tenant) => cipher.encrypt(JSON.stringify(headers), ownerOfHeaders(tenant)),
    decrypt: (encrypted, tenant) => JSON.parse(cipher.decrypt(encrypted, ownerOfHeaders(tenant))),
  };
}
