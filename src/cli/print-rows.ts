/** Data on standard output, in the form that --format names. */
import type { OneFormat, RowFormat } from './options.ts';
import { print } from './standard-output.ts';
import { type Column, fieldLines, tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

/** Pieces of about this size are written at once: a write per row would cost more than the row. */
const PIECE_LENGTH = 64 * 1024;

/** Rows of any number, in constant memory. */
export function printRows<Row>(
  { stdout }: Pick<Terminal, 'stdout'>,
  format: RowFormat,
  columns: readonly Column<Row>[],
  rows: AsyncIterable<Row> | Iterable<Row>,
): Promise<void> {
  return printAll(stdout, rowTexts(stdout, format, columns, rows));
}

/** One thing: its fields, or the whole of it as JSON. */
export async function printOne<Thing>(
  { stdout }: Pick<Terminal, 'stdout'>,
  format: OneFormat,
  columns: readonly Column<Thing>[],
  thing: Thing,
): Promise<void> {
  await print(
    { stdout },
    format === 'json' ? `${JSON.stringify(thing, null, 2)}\n` : fieldLines(stdout, columns, thing).join(''),
  );
}

/** Prints texts in larger pieces. */
async function printAll(
  stdout: Terminal['stdout'],
  texts: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  for await (const piece of inPieces(texts)) await print({ stdout }, piece);
}

export async function* inPieces(texts: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** JSON texts as one array, one element a line. */
export async function* jsonArray(elements: AsyncIterable<string>): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const element of elements) {
    yield `${separator}${element}`;
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

async function* rowTexts<Row>(
  stdout: Terminal['stdout'],
  format: RowFormat,
  columns: readonly Column<Row>[],
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<string> {
  if (format === 'table') yield* tableLines(stdout, columns, rows);
  else if (format === 'json') yield* jsonArray(jsonTexts(rows));
  else if (format === 'ndjson') for await (const text of jsonTexts(rows)) yield `${text}\n`;
  else yield* csvLines(columns, rows);
}

async function* jsonTexts(rows: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<string> {
  for await (const row of rows) yield JSON.stringify(row);
}

async function* csvLines<Row>(
  columns: readonly Column<Row>[],
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<string> {
  const { stringify } = await import('csv-stringify/sync');
  const options = { record_delimiter: '\r\n' };
  yield stringify([columns.map(({ title }) => title)], options);
  for await (const row of rows) yield stringify([columns.map(({ value }) => value(row))], options);
}
