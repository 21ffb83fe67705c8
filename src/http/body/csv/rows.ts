/** The rows of a CSV file while it arrives: RFC 4180 quotes, any line ends, with or without a byte order mark. */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CsvError, Options } from 'csv-parse';
import { BatchwrightError } from '../../../contract/errors.ts';
import { type Delimiter, delimiterOf } from '../../../csv/delimiter.ts';
import { RowLines } from '../../../csv/row-lines.ts';

export interface CsvRow {
  /** Where the row begins, from 1. */
  line: number;
  cells: string[];
}

export interface CsvOptions {
  /** Found out from the first line when absent. */
  delimiter?: Delimiter | undefined;
  charset: string;
  /** A quote that is never closed would else collect the rest of the file. */
  maxRowBytes: number;
}

/** The first line is read before the others, for its delimiter. */
const MAX_HEADER_LENGTH = 256 * 1024;
/** A piece may have thousands of rows: so many are handed on together. */
const ROWS_AT_ONCE = 256;
/** After this time the event loop turns. */
const MAX_TURN_MS = 10;

/**
 * The rows, the header's included, some at a time; empty lines are left out. Each row has as many cells as the first.
 *
 * @throws BatchwrightError `invalidRequest`, which names the line, for a file that cannot be read
 */
export async function* readRows(file: AsyncIterable<Buffer>, options: CsvOptions): AsyncGenerator<CsvRow[]> {
  // Loaded for the first file.
  const { CsvError, parse } = await import('csv-parse');
  const lines = new RowLines();
  let source: Readable | undefined;
  try {
    const texts = decoded(file, options.charset);
    const head = await headOf(texts);
    const parsing: Options<CsvRow, string[]> = {
      delimiter: options.delimiter ?? delimiterOf(head),
      skip_empty_lines: true,
      max_record_size: options.maxRowBytes,
      // Called while it parses: the rows that are not read yet are lost with an error.
      on_record: (cells: string[], { empty_lines }) => ({ line: lines.next(cells, empty_lines), cells }),
    };
    // Its types know rows that are objects only with names of columns.
    const parser = parse(parsing as unknown as Options);
    source = Readable.from(chain(head, texts), { objectMode: false });
    source.on('error', (error) => parser.destroy(error)).pipe(parser);
    let rows: CsvRow[] = [];
    let turnedAt = performance.now();
    for await (const row of parser as AsyncIterable<CsvRow>) {
      rows.push(row);
      if (rows.length < ROWS_AT_ONCE && parser.readableLength > 0) continue;
      yield rows;
      rows = [];
      if (performance.now() - turnedAt < MAX_TURN_MS) continue;
      await nextTurn();
      turnedAt = performance.now();
    }
  } catch (error) {
    if (error instanceof NotText) throw unreadable(`${lines.begin(0)} or a later one`, error.message);
    if (!(error instanceof CsvError)) throw error;
    const { empty_lines: emptyLines = 0 } = error as { empty_lines?: number };
    throw unreadable(lines.begin(emptyLines), problemOf(error, options));
  } finally {
    // When the rest is not read, because the batch is refused: it ends the reading of the request.
    source?.destroy();
  }
}

class NotText extends Error {}

async function* decoded(file: AsyncIterable<Buffer>, charset: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(charset, { fatal: true });
  const decode = (bytes?: Buffer) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw new NotText(`is not valid ${charset.toUpperCase()}`, { cause });
    }
  };
  for await (const bytes of file) yield decode(bytes);
  yield decode();
}

/** The text with the first line. */
async function headOf(texts: AsyncGenerator<string>): Promise<string> {
  let head = '';
  while (head.length < MAX_HEADER_LENGTH && !/[\r\n]/.test(head.trimStart())) {
    const { value, done } = await texts.next();
    if (done) break;
    head += value;
  }
  return head;
}

async function* chain(head: string, texts: AsyncGenerator<string>): AsyncGenerator<string> {
  // An empty text would end the stream.
  if (head !== '') yield head;
  for await (const text of texts) if (text !== '') yield text;
}

/** csv-parse's own messages have its line, which counts CRLF in quotes twice. */
function problemOf({ code, message, ...more }: CsvError, { maxRowBytes }: CsvOptions): string {
  switch (code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return `has ${cellCount((more as { record?: string[] }).record?.length)}, unlike the header`;
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'begins a row with a quote that is not closed';
    case 'CSV_MAX_RECORD_SIZE':
      return `begins a row of more than ${maxRowBytes} bytes, or with a quote that is not closed`;
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'begins a row with a quote within a cell: such a cell is quoted as a whole, and its quotes are doubled';
    default:
      return `begins a row that is not CSV: ${message}`;
  }
}

function cellCount(count = 0): string {
  return count === 1 ? '1 cell' : `${count} cells`;
}

function unreadable(line: number | string, problem: string): BatchwrightError {
  return new BatchwrightError('invalidRequest', { message: `line ${line} ${problem}` });
}
