import { CLOSE_BRACE, CLOSE_BRACKET } from './characters.ts';
import { JsonDepthError } from './errors.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { ValueScanner } from './value-scanner.ts';

export interface Line {
  /** Counted from 1, empty lines included. */
  number: number;
  /** The line without its end and the white space around it; never empty. */
  value: Buffer;
}

/** A line has more bytes than allowed. */
export class LineTooLongError extends Error {
  readonly line: number;

  constructor(line: number, maxBytes: number) {
    super(`line ${line} is longer than ${maxBytes} bytes`);
    this.name = 'LineTooLongError';
    this.line = line;
  }
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';
/**
 * Bytes that an unfinished line may have in addition to its value: a byte-order mark and a carriage return.
 */
const MARK_AND_RETURN_BYTES = 4;

/**
 * Splits a body with one JSON value per line into its lines while it arrives. Lines end with LF or CRLF; the
 * last one may lack its end; empty lines are skipped. Only an unfinished line is kept between pieces.
 */
export class LineScanner {
  readonly #maxLineBytes: number;
  readonly #maxDepth: number;
  readonly #outerDepth: number;
  readonly #unfinished = new GrowingBuffer();
  #number = 0;

  /** @param options.outerDepth levels that count as already open around each line; 0 when absent */
  constructor(options: { maxLineBytes: number; maxDepth: number; outerDepth?: number }) {
    this.#maxLineBytes = options.maxLineBytes;
    this.#maxDepth = options.maxDepth;
    this.#outerDepth = options.outerDepth ?? 0;
  }

  /** @throws LineTooLongError, and JsonDepthError for a line nested deeper than allowed */
  push(piece: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      this.#add(lines, piece, start, end);
      start = end + 1;
    }
    this.#keep(piece, start);
    return lines;
  }

  /** The last line, if it has no line end. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#unfinished.length > 0) this.#add(lines, Buffer.alloc(0), 0, 0);
    return lines;
  }

  #keep(piece: Buffer, start: number): void {
    if (start === piece.length) return;
    this.#checkLength(this.#unfinished.length + piece.length - start - MARK_AND_RETURN_BYTES);
    this.#unfinished.append(piece, start, piece.length);
  }

  #add(lines: Line[], piece: Buffer, start: number, end: number): void {
    let value = piece.subarray(start, end);
    if (this.#unfinished.length > 0) {
      this.#unfinished.append(piece, start, end);
      value = this.#unfinished.take();
    }
    value = trimmed(this.#number === 0 ? withoutMark(value) : value);
    this.#checkLength(value.length);
    this.#number++;
    if (value.length === 0) return;
    this.#checkDepth(value);
    lines.push({ number: this.#number, value });
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#maxLineBytes) throw new LineTooLongError(this.#number + 1, this.#maxLineBytes);
  }

  /** A line too short to be nested too deeply, as almost every line is, needs no check. */
  #checkDepth(value: Buffer): void {
    const last = value[value.length - 1];
    const isShort = value.length <= 2 * (this.#maxDepth - this.#outerDepth);
    if (isShort || (last !== CLOSE_BRACE && last !== CLOSE_BRACKET)) return;
    const scanner = new ValueScanner(this.#maxDepth);
    try {
      if (scanner.begin(value[0] as number, this.#outerDepth)) scanner.scan(value, 0, 0);
    } catch (error) {
      // The parser reports brackets that do not match, in its own words.
      if (error instanceof JsonDepthError)
        throw new JsonDepthError(this.#maxDepth, error.offset, this.#number);
    }
  }
}

function withoutMark(value: Buffer): Buffer {
  return value.subarray(0, 3).toString() === BYTE_ORDER_MARK ? value.subarray(3) : value;
}

function trimmed(value: Buffer): Buffer {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) start++;
  while (end > start && isBlank(value[end - 1])) end--;
  return start === 0 && end === value.length ? value : value.subarray(start, end);
}

function isBlank(code: number | undefined): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}
