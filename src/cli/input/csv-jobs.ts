/** Jobs of one action from a CSV file: one row is one job, its cells are params. */
import { Readable } from 'node:stream';
import { CommandError, EXIT } from '../exit.ts';
import { type CsvColumn, columnsOf } from './column.ts';
import { type ActionName, jobText } from './job-lines.ts';
import { bytesOf, nameOf } from './open-input.ts';

/** A quote that is never closed would else collect the rest of the file. */
const MAX_ROW_BYTES = 20 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
const LINE_END = /\r\n|\r|\n/g;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

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
export async function* csvJobs(file: string, action: ActionName, schema: object): AsyncGenerator<string> {
  let columns: CsvColumn[] | undefined;
  let next = 1;
  for await (const { line, cells } of rowsOf(file)) {
    if (!columns) {
      columns = columnsOf(cells, schema);
      continue;
    }
    for (; next < line; next++) yield '';
    next++;
    yield jobText(action, paramsOf(columns, cells));
  }
}

async function* rowsOf(file: string): AsyncGenerator<Row> {
  // Loaded for the first file.
  const { CsvError, parse } = await import('csv-parse');
  const pieces = bytesOf(file);
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
    let heights = 0;
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { empty_lines: number };
    }>) {
      yield { line: 1 + heights + info.empty_lines, cells: record };
      heights += 1 + record.reduce((sum, cell) => sum + (cell.match(LINE_END)?.length ?? 0), 0);
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

/** The one of `,`, `;` and tab that is most often in the first line, outside quotes. */
function delimiterOf(head: string): string {
  const [line = ''] = head
    .trimStart()
    .replaceAll(/"[^"]*"?/g, '')
    .split(/[\r\n]/, 1);
  const counted = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counted.reduce((most, other) => (other.count > most.count ? other : most)).delimiter;
}

interface Tree {
  [step: string]: unknown;
}

function paramsOf(columns: readonly CsvColumn[], cells: readonly string[]): string {
  const root: Tree = Object.create(null);
  for (const [index, { path, types }] of columns.entries()) {
    const value = cellValue(cells[index] ?? '', types);
    if (value !== undefined) put(root, path, value);
  }
  return JSON.stringify(root, (_, value) => (Array.isArray(value) ? value.filter(isThere) : value));
}

/** Elements whose cells are empty are left out of arrays. */
function isThere(element: unknown): boolean {
  return element !== undefined;
}

function put(root: Tree, path: readonly (string | number)[], value: unknown): void {
  let place = root;
  for (const [index, step] of path.entries()) {
    if (index === path.length - 1) place[step] = value;
    else place[step] ??= typeof path[index + 1] === 'number' ? [] : Object.create(null);
    place = place[step] as Tree;
  }
}

/** What the schema asks for; a cell that it is not stays a text, which the server then refuses. */
function cellValue(cell: string, types: ReadonlySet<string>): unknown {
  if (cell === '') return types.has('null') ? null : undefined;
  if (types.size === 0 || types.has('string')) return cell;
  const text = cell.trim();
  // Raw: large numbers keep their digits.
  if ((types.has('integer') || types.has('number')) && NUMBER.test(text)) return raw(text);
  if (types.has('boolean') && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return types.has('object') || types.has('array') ? jsonOr(text) : cell;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** https://github.com/tc39/proposal-json-parse-with-source; TypeScript does not know it yet. */
function raw(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
