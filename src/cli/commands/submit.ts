import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiError, type Batch, type Batchwright } from '../../client/index.ts';
import type { ActionName } from '../../json/job-text.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';
import { follow, requireSuccess } from '../follow.ts';
import { type BatchFlags, settingsOf, withBatchFlags } from '../input/batch-options.ts';
import { csvJobs } from '../input/csv-jobs.ts';
import { jobLines } from '../input/job-lines.ts';
import { jsonBatch } from '../input/json-batch.ts';
import { STANDARD_INPUT } from '../input/open-input.ts';
import { positiveNumber } from '../options.ts';
import { type ServerOptions, withServer, withServerOptions } from '../server.ts';
import { print } from '../standard-output.ts';
import type { Terminal } from '../terminal.ts';

type InputFormat = 'json' | 'ndjson' | 'csv';

interface SubmitOptions extends ServerOptions, BatchFlags {
  action?: ActionName;
  format?: InputFormat;
  idempotencyKey?: string;
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
  await withServer(terminal, options, async (client) => {
    if (options.dryRun) return check(terminal, client, file, format, options);
    const { asyncId } = await send(terminal.stdin, client, file, format, options);
    await print(terminal, `${asyncId}\n`);
    if (options.wait) requireSuccess(await follow(terminal, client, asyncId, options.timeout));
  });
}

async function send(
  stdin: Readable,
  { actions, batches }: Batchwright,
  file: string,
  format: InputFormat,
  { action, idempotencyKey, ...flags }: SubmitOptions,
): Promise<Batch> {
  const settings = settingsOf(flags);
  if (format === 'json')
    return batches.create(await jsonBatch(stdin, file, action, settings), { idempotencyKey });
  const jobs = await linesFor(stdin, actions, file, format, action);
  return batches.createFrom(file === STANDARD_INPUT ? jobs() : jobs, {
    idempotencyKey,
    ...settings,
  });
}

/** Stores nothing. Throws the error that storing would. */
async function check(
  { stdin, stderr }: Terminal,
  { actions, batches }: Batchwright,
  file: string,
  format: InputFormat,
  { action, ...flags }: SubmitOptions,
): Promise<void> {
  const settings = settingsOf(flags);
  if (format === 'json') {
    await batches.validate(await jsonBatch(stdin, file, action, settings));
  } else {
    const jobs = await linesFor(stdin, actions, file, format, action);
    const lines: number[] = [];
    try {
      await batches.validateFrom(numbered(jobs(), lines), settings);
    } catch (error) {
      throw error instanceof ApiError ? atLines(error, lines) : error;
    }
  }
  stderr.write('The batch is valid. Nothing was stored.\n');
}

/** A function, so that the file is read again after a broken connection. */
async function linesFor(
  stdin: Readable,
  actions: Batchwright['actions'],
  file: string,
  format: InputFormat,
  action: ActionName | undefined,
): Promise<() => AsyncGenerator<string>> {
  if (format === 'ndjson' || !action) return () => jobLines(stdin, file, action);
  const { params } = await actions.retrieve(`${action.namespace}.${action.action}`);
  return () => csvJobs(stdin, file, action, params);
}

/** Collects the line of each job: 100,000 at most are checked, as in a JSON body. */
async function* numbered(lines: AsyncIterable<string>, numbers: number[]): AsyncGenerator<string> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line !== '') numbers.push(number);
    yield line;
  }
}

/** The error names lines of the file in place of indexes. */
function atLines(error: ApiError, lines: readonly number[]): unknown {
  if (error.messages.length === 0) return error;
  const faults = error.messages.map((message) =>
    message.replace(/^jobs\[(\d+)\]/, (index, number) => `line ${lines[Number(number)] ?? index}`),
  );
  return new CommandError(EXIT.error, ['The batch is not valid', ...faults].join('\n  '), { cause: error });
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
