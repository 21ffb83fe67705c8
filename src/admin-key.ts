import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface AdminKey {
  key: string;
  /** Kept in the data directory rather than given in ADMIN_KEY. */
  generated: boolean;
  /** Generated just now. */
  fresh: boolean;
}

/** ADMIN_KEY, or the key kept in the data directory, generated on the first start. */
export async function readAdminKey(config: {
  adminKey: string | undefined;
  dataDir: string;
}): Promise<AdminKey> {
  if (config.adminKey !== undefined) return { key: config.adminKey, generated: false, fresh: false };
  const file = join(config.dataDir, 'admin-key');
  await mkdir(config.dataDir, { recursive: true });
  const key = `bw_admin_${randomBytes(24).toString('hex')}`;
  try {
    // Exclusive: of two processes that start at once, one generates and the other reads.
    await writeFile(file, `${key}\n`, { mode: 0o600, flag: 'wx' });
    return { key, generated: true, fresh: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { key: (await readFile(file, 'utf8')).trim(), generated: true, fresh: false };
  }
}
