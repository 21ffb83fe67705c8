import type { Command } from 'commander';
import { batchFields } from '../batch-columns.ts';
import { follow, requireSuccess } from '../follow.ts';
import { formatOption, ONE_FORMATS, type OneFormat, positiveNumber } from '../options.ts';
import { printOne } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

interface WatchOptions extends ServerOptions {
  format: OneFormat;
  timeout?: number;
}

export function registerWatch(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('watch <asyncId>'))
    .description('follow a batch to its end; exit code 3 when not every job has succeeded')
    .option('--timeout <seconds>', 'end with exit code 5 when it takes longer', positiveNumber)
    .addOption(formatOption(ONE_FORMATS))
    .action((asyncId: string, options: WatchOptions) =>
      withBatch(terminal, options, asyncId, async (client) => {
        const batch = await follow(terminal, client, asyncId, options.timeout);
        await printOne(terminal, options.format, batchFields, batch);
        requireSuccess(batch);
      }),
    );
}
