import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { CommandError, EXIT } from '../exit.ts';
import { formatOption, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printRows } from '../print-rows.ts';
import { type ServerOptions, withServerOptions } from '../server.ts';
import type { Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface DoctorOptions extends ServerOptions {
  callback?: string;
  format: RowFormat;
}

const STYLES = { ok: 'green', note: 'yellow', wrong: 'red' } as const;

const columns: readonly Column<Finding>[] = [
  { title: 'state', value: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'check', value: ({ check }) => check },
  { title: 'found', value: ({ text }) => text },
];

export function registerDoctor(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('doctor'))
    .description(
      'check database, migrations, queue, clocks, keys, disk and addresses; exit code 1 when something is wrong',
    )
    .option('--callback <url>', 'also check whether this address may be called back')
    .addOption(formatOption(ROW_FORMATS))
    .action(async (options: DoctorOptions) => {
      const { diagnose } = await import('../doctor/diagnose.ts');
      let faults = 0;
      async function* counted(): AsyncGenerator<Finding> {
        for await (const finding of diagnose(terminal.env, options, options.callback)) {
          if (finding.state === 'wrong') faults++;
          yield finding;
        }
      }
      await printRows(terminal, options.format, columns, counted());
      if (faults > 0) throw new CommandError(EXIT.error, `${faults} of the checks found something wrong`);
    });
}
