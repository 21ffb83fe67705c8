import type { Command } from 'commander';
import { batchFields } from '../batch-columns.ts';
import { formatOption, ONE_FORMATS, type OneFormat } from '../options.ts';
import { printOne } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

export function registerStatus(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('status <asyncId>'))
    .description('show the state, the counts and the callback of a batch')
    .addOption(formatOption(ONE_FORMATS))
    .action((asyncId: string, options: ServerOptions & { format: OneFormat }) =>
      withBatch(terminal, options, asyncId, async ({ batches }) =>
        printOne(terminal, options.format, batchFields, await batches.retrieve(asyncId)),
      ),
    );
}
