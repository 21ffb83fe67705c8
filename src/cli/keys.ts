import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../config.ts';

/** Prints the admin key. Throws when the data directory has none: the server was never started there. */
export async function adminKey(): Promise<void> {
  const { adminKey: given, dataDir } = readConfig();
  const file = join(dataDir, 'admin-key');
  const key = given ?? (await readFile(file, 'utf8').catch(() => null))?.trim();
  if (!key)
    throw new Error(`there is no admin key in ${file} yet: start the server there first, or set ADMIN_KEY`);
  process.stdout.write(`${key}\n`);
}
