import { readConfig } from '../config/config.ts';
import { findAdminKey } from '../config/generated-keys.ts';

/**
 * Prints the admin key. Throws when the data directory has none, because the server was never started there.
 */
export async function adminKey(): Promise<void> {
  const config = readConfig();
  const key = await findAdminKey(config);
  if (key === null)
    throw new Error(
      `there is no admin key in ${config.dataDir}: start the server there first, or set ADMIN_KEY`,
    );
  process.stdout.write(`${key}\n`);
}
