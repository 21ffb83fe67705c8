/** The keys in the database, with a cache, because every request has one. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';
import type { Caller } from '../domain/caller.ts';
import { findKey } from '../store/keys.ts';

/** A revoked key is refused after this time at the latest; the contract allows 5 s. */
const CACHE_MS = 2000;
const MAX_CACHED = 10_000;
/** The id of the admin key, which is not stored. */
export const ADMIN_ID = 'admin';
const KEY_ID = /^[0-9a-f]{16}$/;
const KEY = /^bw_([0-9a-f]{16})_([0-9a-f]{48})$/;

export interface CachedKey {
  digest: Buffer;
  /** Decrypted for each request: it takes microseconds, and nothing readable is kept. */
  encryptedSecret: Buffer | null;
  caller: Caller;
  /** By `performance.now()`; not after the key's own end. */
  freshUntil: number;
}

/** False for the ids that are not of an API key: those of a plugin's own callers. */
export function isKeyId(id: string): boolean {
  return id === ADMIN_ID || isStoredKeyId(id);
}

/** True for the form of a stored key's id. */
export function isStoredKeyId(id: string): boolean {
  return KEY_ID.test(id);
}

export class StoredKeys {
  readonly #pool: Pool;
  readonly #cache = new Map<string, CachedKey>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Null for a key that is unknown, revoked or expired. */
  async find(key: string): Promise<CachedKey | null> {
    const [, id, secret] = KEY.exec(key) ?? [];
    if (!id || !secret) return null;
    const found = await this.#lookUp(id);
    return found && timingSafeEqual(found.digest, digestOf(secret)) ? found : null;
  }

  /** False for the id of a key that is unknown, revoked or expired. */
  async isValid(id: string): Promise<boolean> {
    return isStoredKeyId(id) && (await this.#lookUp(id)) !== null;
  }

  /** Drops a revoked key from the cache. */
  forget(id: string): void {
    this.#cache.delete(id);
  }

  async #lookUp(id: string): Promise<CachedKey | null> {
    const cache = this.#cache;
    const cached = cache.get(id);
    if (cached && performance.now() < cached.freshUntil) return cached;
    cache.delete(id);
    const row = await findKey(this.#pool, id);
    if (!row) return null;
    const found = {
      digest: row.digest,
      encryptedSecret: row.encryptedSecret,
      caller: { tenant: row.tenant, keyId: row.id, permissions: row.permissions },
      freshUntil: performance.now() + Math.min(CACHE_MS, row.expiresInMs ?? CACHE_MS),
    };
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(id, found);
    return found;
  }
}

/** A new key: its id, and the whole text, which is shown once. */
export function newKey(): { id: string; key: string; digest: Buffer } {
  const id = randomBytes(8).toString('hex');
  const secret = newSecret();
  return { id, key: `bw_${id}_${secret}`, digest: digestOf(secret) };
}

export function newSecret(): string {
  return randomBytes(24).toString('hex');
}

/** Keys are random: a plain hash of them cannot be guessed back. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
