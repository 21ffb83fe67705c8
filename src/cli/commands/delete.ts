import type { Command } from 'commander';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

export function registerDelete(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('delete <asyncId>'))
    .description('delete an ended batch with its results')
    .action((asyncId: string, options: ServerOptions) =>
      withBatch(terminal, options, asyncId, async ({ batches }) => {
        await batches.delete(asyncId);
        terminal.stderr.write(`The batch ${asyncId} is deleted.\n`);
      }),
    );
}
