import type { Command } from 'commander';
import type { CallbackAttempt, TestedCallback } from '../../client/index.ts';
import { CommandError, EXIT } from '../exit.ts';
import { formatOption, ONE_FORMATS, type OneFormat, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printOne, printRows } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServer, withServerOptions } from '../server.ts';
import type { Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';

const attemptColumns: readonly Column<CallbackAttempt>[] = [
  { title: 'number', value: ({ number }) => number },
  { title: 'trigger', value: ({ trigger }) => trigger },
  { title: 'attempted', value: ({ attemptedAt }) => attemptedAt },
  { title: 'status', value: ({ status }) => status },
  { title: 'ms', value: ({ durationMs }) => durationMs },
  { title: 'next', value: ({ nextAttemptAt }) => nextAttemptAt },
  { title: 'error', value: ({ error }) => error, style: () => 'red' },
];
const testFields: readonly Column<TestedCallback>[] = [
  { title: 'webhook-id', value: ({ id }) => id },
  { title: 'status', value: ({ status }) => status },
  { title: 'ms', value: ({ durationMs }) => durationMs },
  { title: 'error', value: ({ error }) => error, style: () => 'red' },
  { title: 'answer', value: ({ excerpt }) => excerpt },
];

export function registerCallbacks(program: Command, terminal: Terminal): void {
  const callbacks = program
    .command('callbacks')
    .description('how callbacks are delivered')
    .helpCommand(false);
  withServerOptions(callbacks.command('list <asyncId>'))
    .description('list the attempts to deliver the callback of a batch')
    .addOption(formatOption(ROW_FORMATS))
    .action((asyncId: string, options: ServerOptions & { format: RowFormat }) =>
      withBatch(terminal, options, asyncId, async ({ batches }) =>
        printRows(terminal, options.format, attemptColumns, await batches.callbacks(asyncId)),
      ),
    );
  withServerOptions(callbacks.command('test <url>'))
    .description('send one signed callback to an address, and show what came back')
    .addOption(formatOption(ONE_FORMATS))
    .action((url: string, options: ServerOptions & { format: OneFormat }) =>
      withServer(terminal, options, async (client) => {
        const tested = await client.testCallback(url);
        await printOne(terminal, options.format, testFields, tested);
        if (tested.error !== null)
          throw new CommandError(EXIT.error, `a callback to this address would fail: ${tested.error}`);
      }),
    );
}
