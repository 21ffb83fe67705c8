/** `cancel`, `pause`, `resume`, `restart` and `repost`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Batch, Batchwright, RestartSelection } from '../../client/index.ts';
import { batchFields } from '../batch-columns.ts';
import { UsageError } from '../exit.ts';
import { errorCode, formatOption, ONE_FORMATS, type OneFormat } from '../options.ts';
import { printOne } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
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
    change(terminal, asyncId, options, ({ batches }) => batches.cancel(asyncId), whyNotCancelled),
  );
}

export function registerPause(program: Command, terminal: Terminal): void {
  changing(program, 'pause', 'start no further job of a batch before it is resumed').action(
    (asyncId, options) =>
      change(terminal, asyncId, options, ({ batches }) => batches.pause(asyncId), whyNotHeld),
  );
}

export function registerResume(program: Command, terminal: Terminal): void {
  changing(program, 'resume', 'let a paused batch go on').action((asyncId, options) =>
    change(terminal, asyncId, options, ({ batches }) => batches.resume(asyncId), whyNotHeld),
  );
}

export function registerRepost(program: Command, terminal: Terminal): void {
  changing(program, 'repost', 'send the callback of a batch again').action((asyncId, options) =>
    change(terminal, asyncId, options, ({ batches }) => batches.repost(asyncId), whyNotSent),
  );
}

/** Null for a batch whose callback a repost sends. */
function whyNotSent({ callback, finishedAt }: Batch): string | null {
  if (callback === null) return 'Nothing was sent: the batch has no callbackUrl.';
  return finishedAt === null
    ? 'Nothing was sent: the batch has not ended. Its callback comes at its end.'
    : null;
}

/** Null for a batch that a cancel may have stopped. */
function whyNotCancelled({ state }: Batch): string | null {
  return state === 'completed' ? 'Nothing was cancelled: the batch has ended.' : null;
}

/** Null for a batch that can be paused and resumed. */
function whyNotHeld({ finishedAt }: Batch): string | null {
  return finishedAt === null ? null : 'Nothing has changed: the batch has ended.';
}

/** Null for a batch of which a job runs again. */
function whyNotRestarted({ finishedAt }: Batch): string | null {
  return finishedAt === null ? null : 'Nothing was restarted: no job that has not succeeded is meant.';
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
      change(
        terminal,
        asyncId,
        options,
        ({ batches }) => batches.restart(asyncId, selectionOf(options)),
        whyNotRestarted,
      ),
    );
}

function changing(program: Command, name: string, description: string): Command {
  return withServerOptions(program.command(`${name} <asyncId>`))
    .description(description)
    .addOption(formatOption(ONE_FORMATS));
}

/** @param whyNot says of the batch afterwards why nothing was done; null when something may have been */
async function change(
  terminal: Terminal,
  asyncId: string,
  options: ChangeOptions,
  perform: (client: Batchwright) => Promise<Batch>,
  whyNot: (batch: Batch) => string | null,
): Promise<void> {
  await withBatch(terminal, options, asyncId, async (client) => {
    const batch = await perform(client);
    const why = whyNot(batch);
    if (why !== null) terminal.stderr.write(`${why}\n`);
    await printOne(terminal, options.format, batchFields, batch);
  });
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
