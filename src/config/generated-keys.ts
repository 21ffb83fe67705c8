/** Keys that the first start generates. The data directory, which must exist, stores each in a file. */
import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAdminKey } from '../domain/caller.ts';
import { isSecretKey } from './secret-key.ts';

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

/** ADMIN_KEY, or the key in the data directory, which is generated on the first start. */
export async function readAdminKey({ adminKey, dataDir }: AdminKeyPlace): Promise<AdminKey> {
  if (adminKey !== undefined) return { key: adminKey, generated: false, fresh: false };
  const { key, fresh } = await findOrGenerate(adminKeyFile(dataDir), isAdminKey, 'bw_admin_', 24);
  return { key, generated: true, fresh };
}

/** ADMIN_KEY, or the key in the data directory; null when there is none. */
export async function findAdminKey({ adminKey, dataDir }: AdminKeyPlace): Promise<string | null> {
  return adminKey ?? find(adminKeyFile(dataDir), isAdminKey);
}

/**
 * SECRET_KEY, or, with the embedded database, the key stored beside it, which is generated on the first
 * start. Undefined with an operator's database: many machines may share it, and each would generate a
 * different key.
 */
export async function readSecretKey(place: {
  secretKey: string | undefined;
  databaseUrl: string | undefined;
  dataDir: string;
}): Promise<string | undefined> {
  if (place.secretKey !== undefined || place.databaseUrl !== undefined) return place.secretKey;
  return (await findOrGenerate(join(place.dataDir, 'secret-key'), isSecretKey, '', 32)).key;
}

/** The file of the admin key in the data directory. */
export function adminKeyFile(dataDir: string): string {
  return join(dataDir, 'admin-key');
}

async function findOrGenerate(
  file: string,
  isKey: (text: string) => boolean,
  prefix: string,
  bytes: number,
): Promise<{ key: string; fresh: boolean }> {
  const kept = await find(file, isKey);
  if (kept !== null) return { key: kept, fresh: false };
  const key = prefix + randomBytes(bytes).toString('hex');
  const fresh = await keep(file, key);
  return { key: fresh ? key : ((await find(file, isKey)) ?? ''), fresh };
}

/**
 * Null when there is no such file; throws for an invalid key, because an empty or short one can be guessed.
 */
async function find(file: string, isKey: (text: string) => boolean): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const key = text.trim();
  if (!isKey(key))
    throw new Error(
      `${file} ${key === '' ? 'is empty' : 'does not contain a key'}: restore it, or remove it to have a new key generated`,
    );
  return key;
}

/**
 * False when a key is already stored. When two processes start at once, one generates the key, and the link
 * makes the complete file appear: the other never reads half a key. The file is flushed, because data
 * encrypted with a lost key is lost too.
 */
async function keep(file: string, key: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${key}\n`, { mode: 0o600, flush: true });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}
