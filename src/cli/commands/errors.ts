import type { Command } from 'commander';
import type { ErrorGroups } from '../../client/index.ts';
import { formatOption, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printRows } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
import type { Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';

const columns: readonly Column<ErrorGroups['data'][number]>[] = [
  { title: 'jobs', value: ({ count }) => count },
  { title: 'errorCode', value: ({ code }) => code },
  { title: 'first index', value: ({ firstIndex }) => firstIndex },
  { title: 'message', value: ({ message }) => message },
];

export function registerErrors(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('errors <asyncId>'))
    .description('count the failed jobs of a batch by their error')
    .addOption(formatOption(ROW_FORMATS))
    .action((asyncId: string, options: ServerOptions & { format: RowFormat }) =>
      withBatch(terminal, options, asyncId, async ({ batches }) => {
        const { data, others } = await batches.errors(asyncId);
        await printRows(terminal, options.format, columns, data);
        if (others > 0) terminal.stderr.write(`${others} more jobs failed with other errors.\n`);
      }),
    );
}
