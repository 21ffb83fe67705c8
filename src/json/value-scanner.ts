import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  isScalar,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './characters.ts';
import { JsonDepthError, JsonSyntaxError } from './errors.ts';

/**
 * Finds the end of one JSON value in bytes that arrive in pieces, split anywhere. It checks only strings,
 * escapes and brackets; the rest is left to the `JSON.parse` of the value.
 */
export class ValueScanner {
  readonly #maxDepth: number;
  /** The bracket that closes each open level. */
  readonly #closers: Uint8Array;
  #outerDepth = 0;
  #depth = 0;
  #scalar = false;
  #inString = false;
  #escaped = false;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
    this.#closers = new Uint8Array(maxDepth + 1);
  }

  /**
   * Starts again for a value inside `outerDepth` open objects and arrays; false when no value can begin like
   * this.
   */
  begin(first: number, outerDepth: number): boolean {
    this.#scalar = isScalar(first);
    this.#outerDepth = outerDepth;
    this.#depth = outerDepth;
    return this.#scalar || first === QUOTE || first === OPEN_BRACE || first === OPEN_BRACKET;
  }

  /**
   * Continues at `start`, which is at first the value's first byte.
   *
   * @param offset bytes of the body before `piece`, for errors
   * @returns the position after the value's last byte, or -1 when it is not in this piece
   * @throws JsonDepthError, or JsonSyntaxError when a bracket does not match
   */
  scan(piece: Buffer, start: number, offset: number): number {
    if (this.#scalar) return scalarEnd(piece, start);
    let position = start;
    while (position < piece.length) {
      position = this.#inString
        ? this.#scanString(piece, position)
        : this.#scanStructure(piece, position, offset);
      if (this.#depth === this.#outerDepth && !this.#inString) return position;
    }
    return -1;
  }

  /** Moves to the position after the string's closing quote, or to the end of the piece. */
  #scanString(piece: Buffer, start: number): number {
    let position = this.#escaped ? start + 1 : start;
    this.#escaped = false;
    while (position < piece.length) {
      const byte = piece[position++];
      if (byte === QUOTE) {
        this.#inString = false;
        return position;
      }
      if (byte === BACKSLASH) {
        this.#escaped = position === piece.length;
        position++;
      }
    }
    return piece.length;
  }

  /** Moves to the position after an opening quote or the value's last bracket, or to the end of the piece. */
  #scanStructure(piece: Buffer, start: number, offset: number): number {
    for (let position = start; position < piece.length; position++) {
      const byte = piece[position];
      if (byte === QUOTE) {
        this.#inString = true;
        return position + 1;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#open(byte, offset + position);
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#close(byte, offset + position);
        if (this.#depth === this.#outerDepth) return position + 1;
      }
    }
    return piece.length;
  }

  #open(byte: number, offset: number): void {
    if (this.#depth >= this.#maxDepth) throw new JsonDepthError(this.#maxDepth, offset);
    this.#closers[++this.#depth] = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
  }

  #close(byte: number, offset: number): void {
    if (this.#closers[this.#depth--] === byte) return;
    throw new JsonSyntaxError(`unexpected "${String.fromCharCode(byte)}" at byte ${offset}`, offset);
  }
}

/** A number or literal ends at the first byte that cannot belong to it. */
function scalarEnd(piece: Buffer, start: number): number {
  for (let position = start; position < piece.length; position++) {
    if (!isScalar(piece[position] as number)) return position;
  }
  return -1;
}
