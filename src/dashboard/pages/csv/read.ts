/** Reads a CSV file in slices: the page stays responsive, and only the rows at hand are in memory. */
import { parse } from 'csv-parse/browser/esm';
import type { Delimiter } from '../../../csv/delimiter.ts';
import { RowLines } from '../../../csv/row-lines.ts';

export const ENCODINGS = ['utf-8', 'windows-1252', 'utf-16le'] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface CsvFile {
  file: File;
  encoding: Encoding;
  delimiter: Delimiter;
}

export interface CsvRow {
  /** Where it begins, from 1. */
  line: number;
  cells: string[];
}

/** A quote that is never closed would else collect the rest of the file. */
const MAX_ROW_BYTES = 20 * 1024 * 1024;
const HEAD_BYTES = 64 * 1024;
/** Parsing takes a millisecond for so many characters. */
const SLICE_CHARACTERS = 4_096;
/** Time of parsing between two turns of the page. */
const TURN_MS = 12;

/**
 * The rows, the header's included. Throws an Error that names the line.
 *
 * @param onRead called with the bytes that are read so far
 */
export async function* rowsOf(
  { file, encoding, delimiter }: CsvFile,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<CsvRow> {
  const parsed = new Parsed(delimiter);
  let since = performance.now();
  let read = 0;
  for await (const { text, bytes } of piecesOf(file, encoding)) {
    for (const slice of slicesOf(text)) {
      parsed.write(slice);
      yield* parsed.take();
      if (performance.now() - since < TURN_MS) continue;
      await nextTurn();
      since = performance.now();
    }
    read += bytes;
    onRead(read);
  }
  await parsed.end();
  yield* parsed.take();
}

/** The beginning of the file, for its delimiter. Throws like `rowsOf`. */
export async function headOf(file: File, encoding: Encoding): Promise<string> {
  for await (const { text } of piecesOf(file.slice(0, HEAD_BYTES), encoding, false)) return text;
  return '';
}

class Parsed {
  readonly #parser;
  readonly #lines = new RowLines();
  readonly #ended: Promise<void>;
  #rows: CsvRow[] = [];
  #error: Error | undefined;
  #isEmpty = true;

  constructor(delimiter: Delimiter) {
    this.#parser = parse({
      delimiter,
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      info: true,
    });
    this.#parser.on('data', ({ record, info }: { record: string[]; info: { empty_lines: number } }) => {
      this.#rows.push({ line: this.#lines.next(record, info.empty_lines), cells: record });
    });
    this.#ended = new Promise((done) => {
      this.#parser.on('end', done);
      this.#parser.on('error', (error: Error) => {
        this.#error = error;
        done();
      });
    });
  }

  write(text: string): void {
    this.#isEmpty = false;
    if (!this.#error) this.#parser.write(text);
  }

  async end(): Promise<void> {
    // csv-parse for browsers throws at the end of an empty file.
    if (this.#isEmpty) return;
    if (!this.#error) this.#parser.end();
    await this.#ended;
  }

  /** The rows that are complete, once. */
  *take(): Generator<CsvRow> {
    const rows = this.#rows;
    this.#rows = [];
    yield* rows;
    if (this.#error) throw this.#error;
  }
}

interface Piece {
  text: string;
  bytes: number;
}

async function* piecesOf(file: Blob, encoding: Encoding, fatal = true): AsyncGenerator<Piece> {
  // Not an async iterable in every browser.
  const reader = file.stream().getReader();
  const decoder = new TextDecoder(encoding, { fatal });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield { text: decoder.decode(value, { stream: !done }), bytes: value?.length ?? 0 };
      if (done) return;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(`The file is not ${encoding.toUpperCase()}. Choose another encoding.`, { cause: error });
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Characters of two code units stay whole. */
function* slicesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + SLICE_CHARACTERS);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end += 1;
    yield text.slice(start, end);
    start = end;
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** Lets the page draw and react. A timer would be held back in a tab behind others. */
function nextTurn(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });
}
