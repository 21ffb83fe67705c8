import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';

export function registerDistribute(program: Command, terminal: Terminal): void {
  program
    .command('distribute')
    .description('spread the tables of batches over the nodes of a Citus cluster (DATABASE_URL), once')
    .action(async () => {
      const { distribute } = await import('../distribute.ts');
      await distribute(terminal);
    });
}
