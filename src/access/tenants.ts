/** Tenants and the secrets that sign their callbacks. */
import type { Pool } from 'pg';
import { DEFAULT_TENANT } from '../domain/caller.ts';
import { newCallbackSecret } from '../outbound/signature.ts';
import { ensureTenant } from '../store/tenants.ts';

export interface Tenants {
  /** The secret that signs the tenant's callbacks. Creates the tenant unless it exists. */
  callbackSecret(tenant: string): Promise<string>;
}

/** @param options.callbackSecret the default tenant's secret; generated and stored when undefined */
export function createTenants(options: { pool: Pool; callbackSecret: string | undefined }): Tenants {
  const { pool } = options;
  const secrets = new Map<string, string>();
  return {
    async callbackSecret(tenant) {
      if (tenant === DEFAULT_TENANT && options.callbackSecret) return options.callbackSecret;
      const known = secrets.get(tenant);
      if (known) return known;
      const secret = await ensureTenant(pool, tenant, newCallbackSecret());
      secrets.set(tenant, secret);
      return secret;
    },
  };
}
