import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface AdminKey {
  key: string;
  /** Kept in the data directory rather than given in ADMIN_KEY. */
  generated: boolean;
  /** Generated just now. */
  fresh: boolean;
}

interface KeyPlace {
  adminKey: string | undefined;
  dataDir: string;
}

/** ADMIN_KEY, or the key kept in the data directory, generated on the first start. */
export async function readAdminKey(place: KeyPlace): Promise<AdminKey> {
  const key = `bw_admin_${randomBytes(24).toString('hex')}`;
  const fresh = place.adminKey === undefined && (await keep(place, key));
  return {
    key: fresh ? key : ((await findAdminKey(place)) ?? ''),
    generated: place.adminKey === undefined,
    fresh,
  };
}

/** ADMIN_KEY, or the key that the data directory keeps; null when it keeps none. */
export async function findAdminKey({ adminKey, dataDir }: KeyPlace): Promise<string | null> {
  if (adminKey !== undefined) return adminKey;
  try {
    return (await readFile(fileIn(dataDir), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * False when a key is kept already. Of two processes that start at once one generates, and the link makes
 * the file appear whole: the other never reads half a key.
 */
async function keep({ dataDir }: KeyPlace, key: string): Promise<boolean> {
  await mkdir(dataDir, { recursive: true });
  const draft = `${fileIn(dataDir)}.${process.pid}`;
  await writeFile(draft, `${key}\n`, { mode: 0o600 });
  try {
    await link(draft, fileIn(dataDir));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

function fileIn(dataDir: string): string {
  return join(dataDir, 'admin-key');
}
