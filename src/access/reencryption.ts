/** After a change of SECRET_KEY, everything that the old key has encrypted is encrypted with the new one. */
import type { Pool } from 'pg';
import type { Log } from '../plugin/context.ts';
import { transaction } from '../postgres/transaction.ts';
import {
  type EncryptedPlace,
  type EncryptedRow,
  encryptedPage,
  replaceEncrypted,
} from '../store/encrypted.ts';
import { ownerOfHeaders } from './callback-headers.ts';
import { createSecretCipher, type SecretCipher } from './secret-cipher.ts';

/** Rows that are locked together, for milliseconds. */
const PAGE_ROWS = 100;

/** The owner with whose id a secret was encrypted. */
export const ownerOfEncrypted: Record<EncryptedPlace, (row: EncryptedRow) => string> = {
  keys: ({ id }) => id,
  callbackHeaders: ({ tenant }) => ownerOfHeaders(tenant),
};

export interface ReencryptionDeps {
  pool: Pool;
  log: Log;
  /** The new key and the old one; with fewer nothing is to be done. */
  secretKeys: readonly string[] | undefined;
}

interface Counts {
  renewed: number;
  unreadable: number;
}

/** Starts one round without waiting for it. It ends early when it is stopped; the next start goes on. */
export function startReencryption(deps: ReencryptionDeps): { stop(): Promise<void> } {
  const { log, secretKeys } = deps;
  if (secretKeys === undefined || secretKeys.length < 2) return { stop: async () => {} };
  let isStopping = false;
  const running = reencryptAll(deps, () => isStopping).catch((error: unknown) =>
    log.warn({ err: error }, 'stored secrets could not be encrypted again; the next start goes on'),
  );
  return {
    stop() {
      isStopping = true;
      return running;
    },
  };
}

async function reencryptAll(
  { pool, log, secretKeys }: ReencryptionDeps,
  isStopping: () => boolean,
): Promise<void> {
  const cipher = createSecretCipher(secretKeys);
  const keys = await reencrypt(pool, cipher, 'keys', isStopping);
  const headers = await reencrypt(pool, cipher, 'callbackHeaders', isStopping);
  if (isStopping()) return;
  if (keys.unreadable + headers.unreadable > 0)
    log.error(
      { keys: keys.unreadable, callbackHeaders: headers.unreadable },
      'stored secrets can be read with neither key of SECRET_KEY',
    );
  log.info(
    { keys: keys.renewed, callbackHeaders: headers.renewed },
    'nothing that is stored needs the second key of SECRET_KEY any more: remove it when every process has started with both',
  );
}

async function reencrypt(
  pool: Pool,
  cipher: SecretCipher,
  place: EncryptedPlace,
  isStopping: () => boolean,
): Promise<Counts> {
  const counts = { renewed: 0, unreadable: 0 };
  const ownerOf = ownerOfEncrypted[place];
  let after: string | null = null;
  do {
    const from = after;
    const rows = await transaction(pool, async (client) => {
      const page = await encryptedPage(client, place, { after: from, limit: PAGE_ROWS });
      const changes = page.flatMap((row) => changeOf(cipher, row, ownerOf(row), counts));
      if (changes.length > 0) await replaceEncrypted(client, place, changes);
      return page;
    });
    after = rows.length === PAGE_ROWS ? (rows.at(-1)?.id ?? null) : null;
  } while (after !== null && !isStopping());
  return counts;
}

function changeOf(cipher: SecretCipher, { id, encrypted }: EncryptedRow, owner: string, counts: Counts) {
  if (!cipher.reads(encrypted, owner)) {
    counts.unreadable++;
    return [];
  }
  const after = cipher.renew(encrypted, owner);
  if (after === null) return [];
  counts.renewed++;
  return [{ id, before: encrypted, after }];
}
