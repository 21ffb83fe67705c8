/** Keys that the first start generates. The data directory, which must exist, stores each in a file. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isAdminKey } from '../domain/caller.ts';
import { findOrGenerate, findSecret } from '../domain/secret-file.ts';
import { parseSecretKeys } from './secret-key.ts';

export interface AdminKey {
  key: string;
  /** True when it is stored in the data directory rather than given in ADMIN_KEY. */
  generated: boolean;
  /** True when it was generated just now. */
  fresh: boolean;
}

interface AdminKeyPlace {
  adminKey: string | undefined;
  dataDir: string;
}

interface SecretKeyPlace {
  secretKeys: readonly string[] | undefined;
  databaseUrl: string | undefined;
  dataDir: string;
}

/** ADMIN_KEY, or the key in the data directory, which is generated on the first start. */
export async function readAdminKey({ adminKey, dataDir }: AdminKeyPlace): Promise<AdminKey> {
  if (adminKey !== undefined) return { key: adminKey, generated: false, fresh: false };
  const generate = () => `bw_admin_${randomBytes(24).toString('hex')}`;
  const { secret, fresh } = await findOrGenerate(adminKeyFile(dataDir), isAdminKey, generate);
  return { key: secret, generated: true, fresh };
}

/** ADMIN_KEY, or the key in the data directory; null when there is none. */
export async function findAdminKey({ adminKey, dataDir }: AdminKeyPlace): Promise<string | null> {
  return adminKey ?? findSecret(adminKeyFile(dataDir), isAdminKey);
}

/**
 * The keys in SECRET_KEY, or, with the embedded database, those stored beside it; one is generated on the first
 * start. Undefined with an operator's database: many machines may share it, and each would generate a
 * different key.
 */
export async function readSecretKeys(place: SecretKeyPlace): Promise<readonly string[] | undefined> {
  if (place.secretKeys !== undefined || place.databaseUrl !== undefined) return place.secretKeys;
  const generate = () => randomBytes(32).toString('hex');
  const { secret } = await findOrGenerate(secretKeyFile(place.dataDir), areSecretKeys, generate);
  return parseSecretKeys(secret) ?? [];
}

/** The same without making one: undefined where there is none yet. Throws for a file without valid keys. */
export async function findSecretKeys(place: SecretKeyPlace): Promise<readonly string[] | undefined> {
  if (place.secretKeys !== undefined || place.databaseUrl !== undefined) return place.secretKeys;
  const secret = await findSecret(secretKeyFile(place.dataDir), areSecretKeys);
  return secret === null ? undefined : (parseSecretKeys(secret) ?? []);
}

function areSecretKeys(text: string): boolean {
  return parseSecretKeys(text) !== null;
}

/** The file of the secret keys in the data directory. */
export function secretKeyFile(dataDir: string): string {
  return join(dataDir, 'secret-key');
}

/** The file of the admin key in the data directory. */
export function adminKeyFile(dataDir: string): string {
  return join(dataDir, 'admin-key');
}
