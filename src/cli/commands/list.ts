import { type Command, Option } from 'commander';
import type { Batch, BatchState, Pages } from '../../client/index.ts';
import { listColumns } from '../batch-columns.ts';
import { metadata } from '../input/batch-options.ts';
import { count, formatOption, ROW_FORMATS, type RowFormat } from '../options.ts';
import { printRows } from '../print-rows.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

interface ListOptions extends ServerOptions {
  state?: BatchState;
  name?: string;
  metadata?: Record<string, string>;
  limit: number;
  after?: string;
  all?: true;
  format: RowFormat;
}

const LARGEST_PAGE = 1_000;

export function registerList(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('list'))
    .description('list batches, the newest first')
    .addOption(
      new Option('--state <state>', 'only batches in this state').choices([
        'queued',
        'running',
        'completed',
        'cancelled',
      ]),
    )
    .option('--name <text>', 'only batches of this name')
    .option('--metadata <name=text>', 'only batches with this text in their metadata', metadata)
    .option('--limit <number>', 'how many', count, 20)
    .option('--after <asyncId>', 'go on behind this batch')
    .addOption(new Option('--all', 'all of them').conflicts('limit'))
    .addOption(formatOption(ROW_FORMATS))
    .action((options: ListOptions) =>
      withServer(terminal, options, async ({ batches }) => {
        const { state, name, metadata: texts, after, format } = options;
        const most = options.all ? Number.POSITIVE_INFINITY : options.limit;
        const pages = batches.list({
          state,
          name,
          metadata: texts,
          limit: Math.min(most, LARGEST_PAGE),
          cursor: after,
        });
        await printRows(terminal, format, listColumns, first(terminal, most, pages));
      }),
    );
}

/** Reports on standard error that there are more. */
async function* first(terminal: Terminal, most: number, pages: Pages<Batch>): AsyncGenerator<Batch> {
  let left = most;
  for await (const { data, nextCursor } of pages.pages()) {
    const wanted = data.slice(0, left);
    yield* wanted;
    left -= wanted.length;
    if (left > 0) continue;
    const isMore = nextCursor !== null || wanted.length < data.length;
    if (isMore) terminal.stderr.write(`There are more: --after ${wanted.at(-1)?.asyncId}, or --all\n`);
    return;
  }
}
