import type { Command } from 'commander';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';

export function registerDelete(program: Command): void {
  withServerOptions(program.command('delete <asyncId>'))
    .description('delete an ended batch with its results')
    .action((asyncId: string, options: ServerOptions) =>
      withServer(options, async ({ batches }) => {
        await batches.delete(asyncId);
        process.stderr.write(`The batch ${asyncId} is deleted.\n`);
      }),
    );
}
