/** Secrets that must be readable again are stored in the database, encrypted with SECRET_KEY. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { BatchwrightError } from '../contract/errors.ts';

export interface SecretCipher {
  /**
   * With the first key. AES-256-GCM: 12 bytes of nonce, 16 of tag, the ciphertext. Throws `notConfigured` (501) without
   * SECRET_KEY.
   *
   * @param owner the id of the secret's owner: decryption needs the same id
   */
  encrypt(secret: string, owner: string): Buffer;
  /** With the key that fits. Throws `unavailable` (503) without SECRET_KEY, and for a secret encrypted with another one. */
  decrypt(encrypted: Buffer, owner: string): string;
  /** The secret encrypted with the first key; null when it is already. Throws like `decrypt`. */
  renew(encrypted: Buffer, owner: string): Buffer | null;
  /** False when `decrypt` would throw. */
  reads(encrypted: Buffer, owner: string): boolean;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = NONCE_BYTES + TAG_BYTES;
const OPTIONS = { authTagLength: TAG_BYTES };

/** @param secretKeys the current key, then older ones; none for a cipher that refuses everything */
export function createSecretCipher(secretKeys: readonly string[] = []): SecretCipher {
  const keys = secretKeys.map(deriveKey);
  const [key] = keys;

  function decrypt(encrypted: Buffer, owner: string): string {
    return decryptWithOne(keys, encrypted, owner).secret;
  }

  function encrypt(secret: string, owner: string): Buffer {
    if (!key)
      throw new BatchwrightError('notConfigured', {
        message: 'SECRET_KEY is not set: set it to 32 characters or more, the same for every API process',
      });
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS).setAAD(Buffer.from(owner));
    const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
  }

  return {
    encrypt,
    decrypt,
    renew(encrypted, owner) {
      const { secret, key: used } = decryptWithOne(keys, encrypted, owner);
      return used === key ? null : encrypt(secret, owner);
    },
    reads(encrypted, owner) {
      try {
        decrypt(encrypted, owner);
        return true;
      } catch {
        return false;
      }
    },
  };
}

function decryptWithOne(
  keys: readonly Buffer[],
  encrypted: Buffer,
  owner: string,
): { secret: string; key: Buffer } {
  if (keys.length === 0) throw unreadable('SECRET_KEY is not set');
  const errors: unknown[] = [];
  for (const key of keys)
    try {
      return { secret: decryptWith(key, encrypted, owner), key };
    } catch (error) {
      errors.push(error);
    }
  throw unreadable('SECRET_KEY is not the one that it was stored with', errors[0]);
}

/** Throws when it is another key's. */
function decryptWith(key: Buffer, encrypted: Buffer, owner: string): string {
  const decipher = createDecipheriv(ALGORITHM, key, encrypted.subarray(0, NONCE_BYTES), OPTIONS);
  decipher.setAAD(Buffer.from(owner));
  decipher.setAuthTag(encrypted.subarray(NONCE_BYTES, HEAD_BYTES));
  return decipher.update(encrypted.subarray(HEAD_BYTES), undefined, 'utf8') + decipher.final('utf8');
}

/** SECRET_KEY is long and random, so a fast derivation is enough. */
function deriveKey(secretKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', 'batchwright secrets', 32));
}

function unreadable(why: string, cause?: unknown): BatchwrightError {
  return new BatchwrightError('unavailable', { message: `A stored secret cannot be read: ${why}`, cause });
}
