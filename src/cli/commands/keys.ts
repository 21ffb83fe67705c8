import type { Command } from 'commander';
import { readConfig } from '../../config/config.ts';
import { findAdminKey } from '../../config/generated-keys.ts';
import { print } from '../standard-output.ts';

export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('API keys').helpCommand(false);
  keys
    .command('admin')
    .description('print the admin key of this data directory (DATA_DIR) or of ADMIN_KEY')
    .action(adminKey);
}

/** Throws when the data directory has no key, because the server was never started there. */
async function adminKey(): Promise<void> {
  const config = readConfig();
  const key = await findAdminKey(config);
  if (key === null)
    throw new Error(
      `there is no admin key in ${config.dataDir}: start the server there first, or set ADMIN_KEY`,
    );
  await print(`${key}\n`);
}
