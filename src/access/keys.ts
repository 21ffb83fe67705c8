/** API keys and tenants: which callers may do what. */
import { timingSafeEqual } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { BatchwrightError } from '../contract/errors.ts';
import { type Caller, covers, DEFAULT_TENANT, isAdmin, isOperator } from '../domain/caller.ts';
import { newCallbackSecret } from '../outbound/signature.ts';
import type { Log } from '../plugin/context.ts';
import { transaction } from '../postgres/transaction.ts';
import { insertAudit } from '../store/audit.ts';
import {
  type ApiKeyRow,
  deleteKey,
  findKey,
  findMaker,
  insertKey,
  listKeys,
  listSecrets,
  validKeys,
} from '../store/keys.ts';
import { ensureTenant } from '../store/tenants.ts';
import { requireAdmin } from './admin.ts';
import type { SecretCipher } from './secret-cipher.ts';
import { ADMIN_ID, digestOf, isStoredKeyId, newKey, newSecret, StoredKeys } from './stored-keys.ts';

export interface NewKey {
  name: string;
  tenant?: string | undefined;
  permissions: string[];
  expiresAt?: Date | null | undefined;
  signing?: 'IWS' | null | undefined;
}

/** A new key; it is shown here and never again. */
export interface MadeKey extends ApiKeyRow {
  key: string;
  /** The secret for signing requests; absent when its client does not sign. */
  secret?: string;
}

/** The caller that signs requests with a key. */
export interface Signer {
  caller: Caller;
  secret: string;
}

/** A key as its holder sees it. */
export interface OwnKey extends Caller {
  name: string;
  isAdmin: boolean;
  /** Whether it may change what all tenants share. */
  isOperator: boolean;
  expiresAt: Date | null;
}

export type Keys = ReturnType<typeof createKeys>;

/** The admin key's tenant, permissions and id. */
const ADMIN: Caller = { tenant: DEFAULT_TENANT, keyId: ADMIN_ID, permissions: ['*', 'admin'] };

/**
 * @param options.adminKey the key that is not in the database
 * @param options.cipher encrypts the secrets of signing keys
 * @param options.aliases other names of permissions, as plugins declare them
 */
export function createKeys(options: {
  pool: Pool;
  adminKey: string;
  cipher: SecretCipher;
  aliases?: ReadonlyMap<string, string>;
}) {
  const { pool, cipher, aliases = new Map() } = options;
  const adminDigest = digestOf(options.adminKey);
  const storedKeys = new StoredKeys(pool);

  return {
    /** The caller of a key; null for one that is unknown, revoked or expired. */
    async authenticate(key: string): Promise<Caller | null> {
      if (timingSafeEqual(digestOf(key), adminDigest)) return ADMIN;
      return (await storedKeys.find(key))?.caller ?? null;
    },

    /**
     * The signer of a key; null when the key is unknown, revoked, expired or does not sign. Throws
     * `unavailable` when SECRET_KEY does not decrypt its secret.
     */
    async findSigner(key: string): Promise<Signer | null> {
      const found = await storedKeys.find(key);
      if (!found?.encryptedSecret) return null;
      const { caller, encryptedSecret } = found;
      return { caller, secret: cipher.decrypt(encryptedSecret, caller.keyId) };
    },

    /** False for the id of a key that is unknown, revoked or expired. */
    async isValid(keyId: string): Promise<boolean> {
      return keyId === ADMIN.keyId || storedKeys.isValid(keyId);
    },

    /** Those of these keys that are neither revoked nor expired; bypasses the cache. */
    async validAmong(keyIds: readonly string[]): Promise<string[]> {
      const stored = keyIds.filter((id) => id !== ADMIN.keyId);
      const valid = stored.length > 0 ? await validKeys(pool, stored) : [];
      return stored.length < keyIds.length ? [ADMIN.keyId, ...valid] : valid;
    },

    /**
     * Logs which keys have secrets that SECRET_KEY does not decrypt. The server starts anyway: all other keys
     * work, and these can be revoked and replaced.
     */
    async logUnreadableSecrets(log: Log): Promise<void> {
      const stored = await listSecrets(pool);
      const unreadable = stored.filter(({ id, encryptedSecret }) => !cipher.reads(encryptedSecret, id));
      if (unreadable.length > 0)
        log.error(
          { keys: unreadable.map(({ id }) => id) },
          'SECRET_KEY is not set, or not the one that these keys were made with: requests signed with them are answered with 503',
        );
    },

    /**
     * Creates a key, which ends with its maker at the latest. Throws `forbidden` without `admin`, for more
     * permissions than the maker has, for a later end than its own, and for another tenant unless the maker
     * is the admin key. Throws `badRequest` for an end in the past, and `notConfigured` for a signing key
     * without SECRET_KEY.
     */
    create(caller: Caller, wanted: NewKey): Promise<MadeKey> {
      const permissions = wanted.permissions.map((name) => aliases.get(name) ?? name);
      return makeKey(pool, cipher, caller, { ...wanted, permissions: [...new Set(permissions)] });
    },

    /** The caller's own key, and what it may do. Throws `unauthorized` when it has just ended. */
    async describe(caller: Caller): Promise<OwnKey> {
      const { tenant, keyId, permissions } = caller;
      const row = keyId === ADMIN.keyId ? { name: 'admin', expiresAt: null } : await findKey(pool, keyId);
      if (!row) throw new BatchwrightError('unauthorized');
      const { name, expiresAt } = row;
      return {
        keyId,
        name,
        tenant,
        permissions,
        isAdmin: isAdmin(caller),
        isOperator: isOperator(caller),
        expiresAt,
      };
    },

    /** The tenant's keys; for the admin key, the keys of all tenants. */
    async list(caller: Caller): Promise<ApiKeyRow[]> {
      requireAdmin(caller);
      return listKeys(pool, scopeOf(caller));
    },

    /** Throws `notFound` when the tenant has no such key. */
    async revoke(caller: Caller, id: string): Promise<void> {
      requireAdmin(caller);
      if (!isStoredKeyId(id) || !(await deleteAndNote(pool, caller, id)))
        throw new BatchwrightError('notFound', { message: 'There is no such key' });
      storedKeys.forget(id);
    },
  };
}

/** False when the caller may revoke no such key. */
function deleteAndNote(pool: Pool, caller: Caller, id: string): Promise<boolean> {
  return transaction(pool, async (client) => {
    const deleted = await deleteKey(client, scopeOf(caller), id);
    if (!deleted) return false;
    const { tenant, name } = deleted;
    await insertAudit(client, caller, { tenant, event: 'key.revoked', target: id, details: { name } });
    return true;
  });
}

async function makeKey(pool: Pool, cipher: SecretCipher, caller: Caller, wanted: NewKey): Promise<MadeKey> {
  const tenant = wanted.tenant ?? caller.tenant;
  requireMayMake(caller, tenant, wanted.permissions);
  const { id, key, digest } = newKey();
  const secret = wanted.signing ? newSecret() : null;
  const encryptedSecret = secret === null ? null : cipher.encrypt(secret, id);
  const row = await transaction(pool, async (client) => {
    const expiresAt = await allowedEnd(client, caller, wanted.expiresAt ?? null);
    await ensureTenant(client, tenant, newCallbackSecret());
    const { name, permissions } = wanted;
    const details = { name, permissions, expiresAt };
    await insertAudit(client, caller, { tenant, event: 'key.created', target: id, details });
    return insertKey(client, {
      id,
      tenant,
      name: wanted.name,
      permissions: wanted.permissions,
      createdBy: caller.keyId,
      expiresAt,
      digest,
      signing: wanted.signing ?? null,
      encryptedSecret,
    });
  });
  return { ...row, key, ...(secret === null ? {} : { secret }) };
}

function requireMayMake(caller: Caller, tenant: string, permissions: readonly string[]): void {
  requireAdmin(caller);
  if (tenant !== caller.tenant && caller.keyId !== ADMIN.keyId)
    throw new BatchwrightError('forbidden', { message: 'Only the admin key makes keys of another tenant' });
  const beyond = permissions.filter((wish) => !caller.permissions.some((own) => covers(own, wish)));
  if (beyond.length > 0)
    throw new BatchwrightError('forbidden', {
      message: `The key that asks lacks ${beyond.join(', ')} itself`,
    });
}

/** The end of a key made by this caller: not after the caller's own end; null for never. */
async function allowedEnd(client: ClientBase, caller: Caller, wanted: Date | null): Promise<Date | null> {
  const { now, exists, expiresAt } = await findMaker(client, caller.keyId);
  if (!exists && caller.keyId !== ADMIN.keyId) throw new BatchwrightError('unauthorized');
  if (wanted !== null && wanted <= now)
    throw new BatchwrightError('badRequest', {
      message: 'The key cannot be made',
      details: [`expiresAt must be in the future, not ${wanted.toISOString()}`],
    });
  if (expiresAt === null || wanted === null) return wanted ?? expiresAt;
  if (wanted > expiresAt)
    throw new BatchwrightError('forbidden', {
      message: `expiresAt must not be after ${expiresAt.toISOString()}, when the key that asks expires`,
    });
  return wanted;
}

/** The tenant whose keys a caller may see and revoke; null, for all tenants, for the admin key. */
function scopeOf(caller: Caller): string | null {
  return caller.keyId === ADMIN.keyId ? null : caller.tenant;
}
