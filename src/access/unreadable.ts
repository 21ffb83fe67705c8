/** What is stored encrypted and SECRET_KEY does not decrypt. */
import type { ClientBase } from 'pg';
import { type EncryptedPlace, encryptedPage } from '../store/encrypted.ts';
import { ownerOfEncrypted } from './reencryption.ts';
import { createSecretCipher } from './secret-cipher.ts';

/** A key that does not fit shows with any of them. */
const LOOKED_AT = 1000;

export interface EncryptedCounts {
  looked: number;
  unreadable: number;
}

/** Tries to decrypt the first 1,000 secrets of the place. */
export async function countUnreadable(
  client: ClientBase,
  place: EncryptedPlace,
  secretKeys: readonly string[] | undefined,
): Promise<EncryptedCounts> {
  const cipher = createSecretCipher(secretKeys);
  const rows = await encryptedPage(client, place, { after: null, limit: LOOKED_AT });
  const unreadable = rows.filter((row) => !cipher.reads(row.encrypted, ownerOfEncrypted[place](row)));
  return { looked: rows.length, unreadable: unreadable.length };
}
