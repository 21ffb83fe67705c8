/** The rows of a CSV file while it arrives: `,`, `;` or tab, RFC 4180 quotes, any line ends, UTF-8 with or without BOM. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CsvError, Options } from 'csv-parse';
import { badRequest } from './callback-url.ts';

export interface CsvRow {
  /** Where the row begins, from 1. */
  line: number;
  cells: string[];
}

const MAX_ROW_BYTES = 1024 * 1024;
const MAX_HEADER_LENGTH = 64 * 1024;
const LINE_END = /\r\n|\r|\n/g;
const QUOTED = /"[^"]*"?/g;

/** The first row is the header. Empty lines are left out. Throws 400 that names the line when the rest is unreadable. */
export async function* csvRows(file: AsyncIterable<Buffer>): AsyncGenerator<CsvRow> {
  // Loaded for the first file.
  const { CsvError, parse } = await import('csv-parse');
  const lines = new Lines();
  try {
    const texts = decoded(file);
    const head = await headOf(texts);
    const options: Options<CsvRow, string[]> = {
      delimiter: delimiterOf(head),
      // Rows with another number of cells, and stray quotes, concern only their own row.
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      // Called while it parses: an error drops the rows that are not read yet.
      on_record: (cells: string[], { empty_lines }) => ({ line: lines.next(cells, empty_lines), cells }),
    };
    // Its types know rows that are objects only with names of columns.
    const parser = parse(options as unknown as Options);
    // Its errors are those of the parser too, which is read below.
    const source = Readable.from(chain(head, texts), { objectMode: false });
    pipeline(source, parser).catch(() => {});
    for await (const row of parser) yield row as CsvRow;
  } catch (error) {
    if (error instanceof NotUtf8) throw badRequest(`line ${lines.after()} or a later one is not valid UTF-8`);
    throw error instanceof CsvError ? asRequestError(error, lines) : error;
  }
}

/** Counts lines, because csv-parse counts CRLF in quotes twice. */
class Lines {
  #nextLine = 1;
  #emptyLines = 0;

  /** Where the next row begins, as far as it is known. */
  after(emptyLines = this.#emptyLines): number {
    return this.#nextLine + emptyLines - this.#emptyLines;
  }

  /**
   * The line of this row.
   *
   * @param emptyLines those before the row, of the whole file
   */
  next(cells: readonly string[], emptyLines: number): number {
    const line = this.after(emptyLines);
    this.#emptyLines = emptyLines;
    this.#nextLine = line + 1 + cells.reduce((sum, cell) => sum + lineEnds(cell), 0);
    return line;
  }
}

class NotUtf8 extends Error {}

async function* decoded(file: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes?: Buffer) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch {
      throw new NotUtf8();
    }
  };
  for await (const bytes of file) yield decode(bytes);
  yield decode();
}

/** The text with the first line. */
async function headOf(texts: AsyncGenerator<string>): Promise<string> {
  let head = '';
  while (head.trimStart().search(/[\r\n]/) === -1 && head.length < MAX_HEADER_LENGTH) {
    const { value, done } = await texts.next();
    if (done) break;
    head += value;
  }
  return head;
}

/** The one that the first line has most often, outside of quotes. */
function delimiterOf(head: string): string {
  const [line = ''] = head
    .trimStart()
    .replace(QUOTED, '')
    .split(/[\r\n]/, 1);
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counts.reduce((most, other) => (other.count > most.count ? other : most)).delimiter;
}

async function* chain(head: string, texts: AsyncGenerator<string>): AsyncGenerator<string> {
  if (head !== '') yield head;
  for await (const text of texts) if (text !== '') yield text;
}

function lineEnds(cell: string): number {
  return cell.match(LINE_END)?.length ?? 0;
}

function asRequestError(error: CsvError, lines: Lines): Error {
  const line = lines.after((error as { empty_lines?: number }).empty_lines);
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return badRequest(`line ${line}: the row that begins here has a quote that is not closed`);
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return badRequest(
      `line ${line}: the row that begins here has more than ${MAX_ROW_BYTES} bytes, or a quote that is not closed`,
    );
  return badRequest(`line ${line}: ${error.message}`);
}
