/** The command line: `npx batchwright …`. */
import { Command } from 'commander';
import { distribute } from './distribute.ts';
import { adminKey } from './keys.ts';

const program = new Command('batchwright').description('The batch endpoint that any API can have.');
const keys = program.command('keys').description('API keys');
keys
  .command('admin')
  .description('print the admin key of this data directory (DATA_DIR) or of ADMIN_KEY')
  .action(adminKey);
program
  .command('distribute')
  .description('spread the tables of batches over the nodes of a Citus cluster (DATABASE_URL), once')
  .action(distribute);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`batchwright: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
