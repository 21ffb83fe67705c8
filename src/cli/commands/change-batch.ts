/** `cancel`, `pause`, `resume`, `restart` and `repost`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Batch, Batchwright, RestartSelection } from '../../client/index.ts';
import { batchFields } from '../batch-columns.ts';
import { UsageError } from '../exit.ts';
import { errorCode, formatOption, ONE_FORMATS, type OneFormat } from '../options.ts';
import { printOne } from '../print-rows.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import type { Terminal } from '../terminal.ts';

interface ChangeOptions extends ServerOptions {
  format: OneFormat;
}

interface RestartOptions extends ChangeOptions {
  status?: 'failed' | 'cancelled' | 'skipped';
  errorCode?: number;
  indexes?: number[];
}

export function registerCancel(program: Command, terminal: Terminal): void {
  changing(program, 'cancel', 'start no further job of a batch').action((asyncId, options) =>
    change(terminal, options, ({ batches }) => batches.cancel(asyncId)),
  );
}

export function registerPause(program: Command, terminal: Terminal): void {
  changing(program, 'pause', 'start no further job of a batch before it is resumed').action(
    (asyncId, options) => change(terminal, options, ({ batches }) => batches.pause(asyncId)),
  );
}

export function registerResume(program: Command, terminal: Terminal): void {
  changing(program, 'resume', 'let a paused batch go on').action((asyncId, options) =>
    change(terminal, options, ({ batches }) => batches.resume(asyncId)),
  );
}

export function registerRepost(program: Command, terminal: Terminal): void {
  changing(program, 'repost', 'send the callback of a batch again').action((asyncId, options) =>
    change(terminal, options, async ({ batches }) => {
      const batch = await batches.repost(asyncId);
      const why = whyNotSent(batch);
      if (why !== null) terminal.stderr.write(`Nothing was sent: ${why}.\n`);
      return batch;
    }),
  );
}

/** Null for a batch whose callback a repost sends. */
function whyNotSent({ callback, finishedAt }: Batch): string | null {
  if (callback === null) return 'the batch has no callbackUrl';
  return finishedAt === null ? 'the batch has not ended. Its callback comes at its end' : null;
}

export function registerRestart(program: Command, terminal: Terminal): void {
  changing(program, 'restart', 'run again what has not succeeded')
    .addOption(
      new Option('--status <status>', 'only jobs that ended like this').choices([
        'failed',
        'cancelled',
        'skipped',
      ]),
    )
    .option('--error-code <number>', 'only jobs that failed with this errorCode', errorCode)
    .option('--indexes <list>', 'only these jobs: 0,7,20-29', indexes)
    .action((asyncId: string, options: RestartOptions) =>
      change(terminal, options, ({ batches }) => batches.restart(asyncId, selectionOf(options))),
    );
}

function changing(program: Command, name: string, description: string): Command {
  return withServerOptions(program.command(`${name} <asyncId>`))
    .description(description)
    .addOption(formatOption(ONE_FORMATS));
}

async function change(
  terminal: Terminal,
  options: ChangeOptions,
  perform: (client: Batchwright) => Promise<Batch>,
): Promise<void> {
  await withServer(terminal, options, async (client) =>
    printOne(terminal, options.format, batchFields, await perform(client)),
  );
}

function selectionOf({ status, errorCode: code, indexes: list }: RestartOptions): RestartSelection {
  if (list !== undefined) {
    if (status !== undefined || code !== undefined)
      throw new UsageError('--indexes names the jobs: it goes with neither --status nor --error-code');
    return { indexes: list };
  }
  return {
    ...(status === undefined ? {} : { status: [status] }),
    ...(code === undefined ? {} : { errorCode: code }),
  };
}

const MOST_INDEXES = 1_000_000;

/** Numbers and ranges. */
function indexes(text: string): number[] {
  const ranges = text.split(',').map((part) => {
    const [, from = '', to = from] = /^\s*(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(part) ?? [];
    if (from === '' || Number(to) < Number(from))
      throw new InvalidArgumentError('It must be numbers and ranges, such as 0,7,20-29.');
    return { from: Number(from), length: Number(to) - Number(from) + 1 };
  });
  if (ranges.reduce((sum, { length }) => sum + length, 0) > MOST_INDEXES)
    throw new InvalidArgumentError(`It may name ${MOST_INDEXES} jobs at most.`);
  return ranges.flatMap(({ from, length }) => Array.from({ length }, (_, offset) => from + offset));
}
