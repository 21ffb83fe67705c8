import type { Command } from 'commander';
import type { Action, Batchwright } from '../../client/index.ts';
import { formatOption, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printRows } from '../print-rows.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import { print } from '../standard-output.ts';
import { type Column, fieldLines, styled } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface ActionsOptions extends ServerOptions {
  format: RowFormat;
}

const columns: readonly Column<Action>[] = [
  { title: 'name', value: ({ name }) => name },
  { title: 'summary', value: ({ summary }) => summary },
];
const fields: readonly Column<Action>[] = [
  ...columns,
  { title: 'permission', value: ({ permission }) => permission },
  { title: 'timeout', value: ({ timeoutSeconds }) => `${timeoutSeconds} s` },
  {
    title: 'retries',
    value: ({ retry }) =>
      `${retry.limit}, after ${retry.delaySeconds} s${retry.backoff ? ' and then longer' : ''}`,
  },
];

export function registerActions(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('actions [name]'))
    .description('list the actions that can be run; with a name, show its schema and an example')
    .addOption(formatOption(ROW_FORMATS))
    .action((name: string | undefined, options: ActionsOptions) =>
      withServer(terminal, options, async (client) => {
        if (name !== undefined) return showOne(terminal, client, name, options.format);
        await printRows(terminal, options.format, columns, await client.actions.list());
      }),
    );
}

async function showOne(
  terminal: Terminal,
  client: Batchwright,
  name: string,
  format: RowFormat,
): Promise<void> {
  const action = await client.actions.retrieve(name);
  if (format === 'json') return print(terminal, `${JSON.stringify(action, null, 2)}\n`);
  if (format !== 'table') return printRows(terminal, format, columns, [action]);
  await print(
    terminal,
    [
      ...fieldLines(terminal.stdout, fields, action),
      `\n${styled(terminal.stdout, 'params, as JSON Schema', 'dim')}\n${JSON.stringify(action.params, null, 2)}\n`,
      `\n${styled(terminal.stdout, 'example of params', 'dim')}\n${JSON.stringify(action.example, null, 2)}\n`,
    ].join(''),
  );
}
