/** Secrets that must be readable again are stored in the database, encrypted with SECRET_KEY. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { BatchwrightError } from '../contract/errors.ts';

export interface SecretCipher {
  /**
   * AES-256-GCM: 12 bytes of nonce, 16 of tag, the ciphertext. Throws `notConfigured` (501) without
   * SECRET_KEY.
   *
   * @param owner the id of the secret's owner: decryption needs the same id
   */
  encrypt(secret: string, owner: string): Buffer;
  /** Throws `unavailable` (503) without SECRET_KEY, and for a secret encrypted with another one. */
  decrypt(encrypted: Buffer, owner: string): string;
  /** False when `decrypt` would throw. */
  reads(encrypted: Buffer, owner: string): boolean;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = NONCE_BYTES + TAG_BYTES;
const OPTIONS = { authTagLength: TAG_BYTES };

/** @param secretKey 32 characters or more; undefined for a cipher that refuses everything */
export function createSecretCipher(secretKey: string | undefined): SecretCipher {
  const key = secretKey === undefined ? undefined : deriveKey(secretKey);

  function decrypt(encrypted: Buffer, owner: string): string {
    if (!key) throw unreadable('SECRET_KEY is not set');
    try {
      const decipher = createDecipheriv(ALGORITHM, key, encrypted.subarray(0, NONCE_BYTES), OPTIONS);
      decipher.setAAD(Buffer.from(owner));
      decipher.setAuthTag(encrypted.subarray(NONCE_BYTES, HEAD_BYTES));
      return decipher.update(encrypted.subarray(HEAD_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw unreadable('SECRET_KEY is not the one that it was stored with', error);
    }
  }

  return {
    encrypt(secret, owner) {
      if (!key)
        throw new BatchwrightError('notConfigured', {
          message: 'SECRET_KEY is not set: set it to 32 characters or more, the same for every API process',
        });
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS).setAAD(Buffer.from(owner));
      const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
    },
    decrypt,
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

/** SECRET_KEY is long and random, so a fast derivation is enough. */
function deriveKey(secretKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', 'batchwright secrets', 32));
}

function unreadable(why: string, cause?: unknown): BatchwrightError {
  return new BatchwrightError('unavailable', { message: `A stored secret cannot be read: ${why}`, cause });
}
