/** Jobs of one action from a CSV file: one row is one job, its cells are params. */
import { Readable } from 'node:stream';
import { CsvHeaderError, type CsvObject, shapeOf } from '../../csv/columns.ts';
import { delimiterOf } from '../../csv/delimiter.ts';
import { RowLines } from '../../csv/row-lines.ts';
import { rowParams } from '../../csv/row-params.ts';
import { type ActionName, jobText } from '../../json/job-text.ts';
import { CommandError, EXIT } from '../exit.ts';
import { bytesOf, nameOf } from './open-input.ts';

/** A quote that is never closed would else collect the rest of the file. */
const MAX_ROW_BYTES = 20 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;

interface Row {
  /** Where it begins, from 1. */
  line: number;
  cells: string[];
}

/**
 * The jobs, as JSON on one line each, at the line where their row begins: empty lines between them make the server's
 * line numbers those of the file.
 *
 * @param schema of the action's params: cells become what it asks for
 */
export async function* csvJobs(
  stdin: Readable,
  file: string,
  action: ActionName,
  schema: object,
): AsyncGenerator<string> {
  let columns: CsvObject | undefined;
  let next = 1;
  for await (const { line, cells } of rowsOf(stdin, file)) {
    if (!columns) {
      columns = headerOf(cells, schema);
      continue;
    }
    for (; next < line; next++) yield '';
    next++;
    yield jobText(action, rowParams(columns, cells));
  }
}

function headerOf(cells: readonly string[], schema: object): CsvObject {
  try {
    return shapeOf(cells, schema);
  } catch (error) {
    if (!(error instanceof CsvHeaderError)) throw error;
    const problem = `the first line of the CSV is not a header of params: ${error.message}`;
    throw new CommandError(EXIT.error, problem, { cause: error });
  }
}

async function* rowsOf(stdin: Readable, file: string): AsyncGenerator<Row> {
  // Loaded for the first file.
  const { CsvError, parse } = await import('csv-parse');
  const pieces = bytesOf(stdin, file);
  try {
    const head = await headOf(pieces);
    const parser = parse({
      bom: true,
      delimiter: delimiterOf(head.toString('latin1')),
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      info: true,
    });
    const source = Readable.from(chain(head, pieces), { objectMode: false });
    source.on('error', (error) => parser.destroy(error)).pipe(parser);
    const lines = new RowLines();
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { empty_lines: number };
    }>) {
      yield { line: lines.next(record, info.empty_lines), cells: record };
    }
  } catch (error) {
    if (error instanceof CsvError)
      throw new CommandError(EXIT.error, `${nameOf(file)}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** At least the first line, if it is not longer than a header may be. */
async function headOf(pieces: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (
    head.length < MAX_HEADER_BYTES &&
    !head
      .toString('latin1')
      .trimStart()
      .match(/[\r\n]/)
  ) {
    const { value, done } = await pieces.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* chain(head: Buffer, pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* pieces;
}
