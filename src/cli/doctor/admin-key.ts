/** The admin key of this machine. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { adminKeyFile, findAdminKey, secretKeyFile } from '../../config/generated-keys.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

/** Group and others. */
const OTHERS = 0o077;

export async function checkAdminKey(config: Config): Promise<Finding> {
  const file = adminKeyFile(config.dataDir);
  try {
    const key = await findAdminKey(config);
    if (key === null) return note('admin key', 'there is none yet: the first start makes it');
  } catch (error) {
    return wrong('admin key', `${(error as Error).message}: correct the file, or set ADMIN_KEY`);
  }
  if (config.adminKey !== undefined) return ok('admin key', 'from ADMIN_KEY');
  for (const path of [file, secretKeyFile(config.dataDir), join(config.dataDir, 'postgres-password')]) {
    const found = await stat(path).catch(() => null);
    if (found !== null && (found.mode & OTHERS) !== 0)
      return wrong('admin key', `${path} can be read by other users: chmod 600 ${path}`);
  }
  return ok('admin key', `kept in ${file}`);
}
