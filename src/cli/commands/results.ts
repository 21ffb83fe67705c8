import { type Command, Option } from 'commander';
import type { Batchwright, Result, ResultStatus } from '../../client/index.ts';
import { interruptible } from '../interrupt.ts';
import { errorCode, formatOption, ROW_FORMATS, type RowFormat } from '../options.ts';
import { inPieces, jsonArray } from '../print-rows.ts';
import { type ServerOptions, withBatch, withServerOptions } from '../server.ts';
import { print } from '../standard-output.ts';
import { type Column, type Style, tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { writeFileAtOnce } from '../write-file.ts';

interface ResultsOptions extends ServerOptions {
  status?: ResultStatus;
  errorCode?: number;
  format: RowFormat;
  out?: string;
}

const STYLES: Record<ResultStatus, Style> = {
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
  skipped: 'yellow',
};
/** A response may have a MiB; the table shows its beginning. */
const SHOWN_CHARACTERS = 200;

const columns: readonly Column<Result>[] = [
  { title: 'index', value: ({ index }) => index },
  { title: 'id', value: ({ id }) => id },
  { title: 'action', value: ({ namespace, action }) => `${namespace}.${action}` },
  { title: 'status', value: ({ status }) => status, style: ({ status }) => STYLES[status] },
  { title: 'attempts', value: ({ attempts }) => attempts },
  { title: 'finished', value: ({ finishedAt }) => finishedAt },
  { title: 'response', value: responseText },
];

export function registerResults(program: Command, terminal: Terminal): void {
  withServerOptions(program.command('results <asyncId>'))
    .description('print the results of a batch, in the order of its jobs')
    .addOption(new Option('--status <status>', 'only results with this status').choices(Object.keys(STYLES)))
    .option('--error-code <number>', 'only results with this errorCode', errorCode)
    .addOption(formatOption(ROW_FORMATS))
    .option('--out <file>', 'write them to this file, when they are complete')
    .action((asyncId: string, options: ResultsOptions) => results(terminal, asyncId, options));
}

async function results(terminal: Terminal, asyncId: string, options: ResultsOptions): Promise<void> {
  await withBatch(terminal, options, asyncId, async (client) => {
    const { state } = await client.batches.retrieve(asyncId);
    if (state === 'queued' || state === 'running')
      terminal.stderr.write(`The batch has not ended (${state}): these are the results so far.\n`);
    if (options.out === undefined) {
      for await (const piece of resultPieces(terminal, client, asyncId, options))
        await print(terminal, piece);
      return;
    }
    const { out } = options;
    await interruptible((signal) =>
      writeFileAtOnce(out, resultPieces(terminal, client, asyncId, options, signal), signal),
    );
  });
}

/** The results in the form of the option, in pieces: any number of them in constant memory. */
function resultPieces(
  { stdout }: Terminal,
  { batches }: Batchwright,
  asyncId: string,
  { status, errorCode: code, format }: ResultsOptions,
  signal?: AbortSignal,
): AsyncIterable<string | Uint8Array> {
  const selection = { status, errorCode: code, signal };
  if (format === 'csv') return batches.resultsAsCsv(asyncId, selection);
  if (format === 'table') return inPieces(tableLines(stdout, columns, batches.results(asyncId, selection)));
  const lines = batches.resultLines(asyncId, selection);
  return inPieces(format === 'json' ? jsonArray(lines) : withEnds(lines));
}

async function* withEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** A failure is told by its code and message. */
function responseText({ status, response }: Result): string {
  const text =
    status === 'failed' ? `${response.errorCode} ${response.message}` : (JSON.stringify(response) ?? '');
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
