import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Batch, Batchwright, CsvSettings } from '../../client/index.ts';
import type { ActionName } from '../../json/job-text.ts';
import { UsageError } from '../exit.ts';
import { follow, requireSuccess } from '../follow.ts';
import { type BatchFlags, settingsOf, textByName, withBatchFlags } from '../input/batch-options.ts';
import { jobLines } from '../input/job-lines.ts';
import { jsonBatch } from '../input/json-batch.ts';
import { bytesOf, STANDARD_INPUT } from '../input/open-input.ts';
import { positiveNumber } from '../options.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import { print } from '../standard-output.ts';
import type { Terminal } from '../terminal.ts';

type InputFormat = 'json' | 'ndjson' | 'csv';

interface SubmitOptions extends ServerOptions, BatchFlags {
  action?: ActionName;
  format?: InputFormat;
  idempotencyKey?: string;
  map?: Record<string, string>;
  set?: Record<string, string>;
  dryRun?: true;
  wait?: true;
  timeout?: number;
}

const FORMATS: Record<string, InputFormat> = {
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.csv': 'csv',
};

export function registerSubmit(program: Command, terminal: Terminal): void {
  const command = withServerOptions(program.command('submit <file>'))
    .description('send a batch and print its asyncId; the file - is standard input')
    .option(
      '--action <namespace.action>',
      'every element, line or row is the params of a job of it',
      actionName,
    )
    .addOption(
      new Option(
        '--format <format>',
        'json: a batch, an array of jobs, or with --action of params; ndjson: one a line; csv: one a row, with --action. Else by the name of the file',
      ).choices(['json', 'ndjson', 'csv']),
    );
  withBatchFlags(command)
    .option(
      '--map <column=param>',
      'with CSV: the param of a column, or none for a column that is left out; may be repeated',
      textByName('"First name=firstName"'),
    )
    .option('--set <param=text>', 'with CSV: a param of all rows; may be repeated', textByName('status=1'))
    .option('--idempotency-key <key>', 'the same key and batch are stored once', idempotencyKey)
    .addOption(
      new Option('--dry-run', 'check the batch and store nothing').conflicts(['wait', 'idempotencyKey']),
    )
    .option('--wait', 'wait for the end; exit code 3 when not every job has succeeded')
    .option('--timeout <seconds>', 'with --wait: end with exit code 5 when it takes longer', positiveNumber)
    .action((file: string, options: SubmitOptions) => submit(terminal, file, options));
}

async function submit(terminal: Terminal, file: string, options: SubmitOptions): Promise<void> {
  if (options.timeout !== undefined && !options.wait) throw new UsageError('--timeout goes with --wait');
  const format = options.format ?? FORMATS[extname(file).toLowerCase()] ?? 'json';
  if (format === 'csv' && !options.action)
    throw new UsageError('CSV needs --action: it says what the rows are the params of');
  if (format !== 'csv' && (options.map || options.set)) throw new UsageError('--map and --set go with CSV');
  await withServer(terminal, options, async (client) => {
    if (options.dryRun) return check(terminal, client, file, format, options);
    const { asyncId } = await send(terminal.stdin, client, file, format, options);
    await print(terminal, `${asyncId}\n`);
    if (options.wait) requireSuccess(await follow(terminal, client, asyncId, options.timeout));
  });
}

async function send(
  stdin: Readable,
  { batches }: Batchwright,
  file: string,
  format: InputFormat,
  { action, idempotencyKey, ...flags }: SubmitOptions,
): Promise<Batch> {
  const settings = { ...settingsOf(flags), idempotencyKey };
  if (format === 'json')
    return batches.create(await jsonBatch(stdin, file, action, settingsOf(flags)), { idempotencyKey });
  if (format === 'csv')
    return batches.createFromCsv(
      readable(file, () => bytesOf(stdin, file)),
      { ...settings, ...rowsOf(action, flags) },
    );
  return batches.createFrom(
    readable(file, () => jobLines(stdin, file, action)),
    settings,
  );
}

/** Stores nothing. Throws the error that storing would. */
async function check(
  { stdin, stderr }: Terminal,
  { batches }: Batchwright,
  file: string,
  format: InputFormat,
  { action, ...flags }: SubmitOptions,
): Promise<void> {
  const settings = settingsOf(flags);
  if (format === 'json') await batches.validate(await jsonBatch(stdin, file, action, settings));
  else if (format === 'csv')
    await batches.validateCsv(bytesOf(stdin, file), { ...settings, ...rowsOf(action, flags) });
  else await batches.validateFrom(jobLines(stdin, file, action), settings);
  stderr.write('The batch is valid. Nothing was stored.\n');
}

/** A file is opened again after a broken connection; standard input can be read only once. */
function readable<T>(file: string, open: () => T): T | (() => T) {
  return file === STANDARD_INPUT ? open() : open;
}

/** What the rows of a CSV file are. */
function rowsOf(
  action: ActionName | undefined,
  { map, set }: Pick<SubmitOptions, 'map' | 'set'>,
): CsvSettings {
  return { action: `${action?.namespace}.${action?.action}`, map, set };
}

function actionName(text: string): ActionName {
  const [, namespace, action] = /^([^.\s]+)\.(\S+)$/.exec(text) ?? [];
  if (namespace === undefined || action === undefined)
    throw new InvalidArgumentError('It must be like participants.store; batchwright actions lists them.');
  return { namespace, action };
}

function idempotencyKey(text: string): string {
  if (/^[\x20-\x7e]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 255 printable ASCII characters.');
}
