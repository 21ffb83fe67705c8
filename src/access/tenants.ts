/** Tenants and the secrets that sign their callbacks. */
import { LRUCache } from 'lru-cache';
import type { ClientBase, Pool } from 'pg';
import { BatchwrightError } from '../contract/errors.ts';
import { type Caller, DEFAULT_TENANT } from '../domain/caller.ts';
import { newCallbackSecret } from '../outbound/signature.ts';
import { transaction } from '../postgres/transaction.ts';
import { insertAudit } from '../store/audit.ts';
import {
  type CallbackSecretRow,
  callbackSecrets,
  deleteReplacedSecrets,
  lockTenant,
  replaceCallbackSecret,
} from '../store/callback-secrets.ts';
import { ensureTenant } from '../store/tenants.ts';
import { requireAdmin } from './admin.ts';

/** A worker signs with a new secret after this time at the latest; the contract allows 5 s. */
const CACHE_MS = 2000;
const MAX_CACHED = 10_000;
/** For so long a replaced secret signs beside the new one. */
const OVERLAP_SECONDS = 24 * 3600;
/** Replaced secrets that sign; of more, the oldest end at once. Each is a signature in every callback. */
const MAX_REPLACED = 4;

export interface CallbackSecrets {
  secret: string;
  /** Replaced secrets that sign beside it, youngest first; `endsAt` is null where the operator decides. */
  previous: { secret: string; endsAt: Date | null }[];
}

export interface Tenants {
  /** The secrets of the tenant, as they are now. Creates the tenant unless it exists. */
  callbackSecrets(tenant: string): Promise<CallbackSecrets>;
  /** The secrets that sign the tenant's callbacks, the newest first; at most 2 s old. */
  signingSecrets(tenant: string): Promise<readonly string[]>;
  /**
   * Gives the caller's tenant a new secret; the old one signs for 24 h more. Throws `forbidden` without `admin`, and
   * `notConfigured` where CALLBACK_SECRET has the secret.
   */
  rotateCallbackSecret(caller: Caller): Promise<CallbackSecrets>;
}

/**
 * @param options.callbackSecrets the default tenant's secrets, the newest first; generated and stored when undefined
 */
export function createTenants(options: {
  pool: Pool;
  callbackSecrets: readonly string[] | undefined;
}): Tenants {
  const { pool } = options;
  const configured = (tenant: string) => (tenant === DEFAULT_TENANT ? options.callbackSecrets : undefined);
  // Requests for the same tenant share one look-up.
  const cache = new LRUCache<string, readonly string[]>({
    max: MAX_CACHED,
    ttl: CACHE_MS,
    ignoreFetchAbort: true,
    fetchMethod: async (tenant) => (await storedSecrets(pool, tenant)).map(({ secret }) => secret),
  });
  return {
    async callbackSecrets(tenant) {
      const given = configured(tenant)?.map((secret) => ({ secret, endsAt: null }));
      return toSecrets(given ?? (await storedSecrets(pool, tenant)));
    },
    async signingSecrets(tenant) {
      return configured(tenant) ?? (await cache.fetch(tenant)) ?? [];
    },
    async rotateCallbackSecret(caller) {
      requireAdmin(caller);
      const { tenant } = caller;
      if (configured(tenant)) throw isConfigured();
      const rows = await transaction(pool, (client) => rotate(client, caller));
      cache.delete(tenant);
      return toSecrets(rows);
    },
  };
}

async function rotate(client: ClientBase, caller: Caller): Promise<CallbackSecretRow[]> {
  const { tenant } = caller;
  await ensureTenant(client, tenant, newCallbackSecret());
  await lockTenant(client, tenant);
  const secret = newCallbackSecret();
  await replaceCallbackSecret(client, { tenant, secret, overlapSeconds: OVERLAP_SECONDS });
  await deleteReplacedSecrets(client, tenant, MAX_REPLACED);
  await insertAudit(client, caller, { tenant, event: 'callbackSecret.rotated', target: tenant });
  return callbackSecrets(client, tenant);
}

/** Creates the tenant unless it exists. */
async function storedSecrets(pool: Pool, tenant: string): Promise<CallbackSecretRow[]> {
  const stored = await callbackSecrets(pool, tenant);
  if (stored.length > 0) return stored;
  await ensureTenant(pool, tenant, newCallbackSecret());
  return callbackSecrets(pool, tenant);
}

function toSecrets([current, ...previous]: CallbackSecretRow[]): CallbackSecrets {
  return { secret: current?.secret ?? '', previous };
}

function isConfigured(): BatchwrightError {
  return new BatchwrightError('notConfigured', {
    message:
      'The secret of this tenant is in CALLBACK_SECRET: the operator sets it to the new and the old secret, ' +
      'separated by a comma, and restarts',
  });
}
