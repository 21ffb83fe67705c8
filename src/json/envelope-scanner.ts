import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './characters.ts';
import { expectations, parseName, type State } from './envelope-syntax.ts';
import {
  JsonDepthError,
  JsonElementTooLargeError,
  JsonSyntaxError,
  JsonTrailingTextError,
} from './errors.ts';
import { GrowingBuffer } from './growing-buffer.ts';

import { ValueScanner } from './value-scanner.ts';

export {
  JsonDepthError,
  JsonElementTooLargeError,
  JsonSyntaxError,
  JsonTrailingTextError,
} from './errors.ts';

/** A part of the body that is complete. Values are raw JSON bytes without white space around them. */
export type EnvelopeEvent =
  /** A member of the top-level object, other than the array. */
  | { kind: 'member'; key: string; value: Buffer }
  /** An element of the array. */
  | { kind: 'element'; value: Buffer }
  /** The array has ended. */
  | { kind: 'array-end' };

interface EnvelopeOptions {
  /** The member of the top-level object whose elements are reported one by one; null for none. */
  arrayMember: string | null;
  /** The body is an array, whose elements are reported one by one. */
  isArray?: boolean;
  /**
   * The name of the only member of a body `{"wrapper": {…}}`, whose value is then split as if it were the body. A body
   * that does not begin with an object of this name is split itself.
   */
  wrapper?: string | undefined;
  /** Maximum number of nested objects and arrays, the top-level object included. */
  maxDepth: number;
  /** Levels that count as already open around the body; 0 when absent. */
  outerDepth?: number;
  /** Maximum size of an element, a member's value or a member's name. */
  maxElementBytes: number;
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Splits a JSON body, an object with one long array or the array alone, into the elements of that array and its other members
 * while it arrives. Each can then be parsed separately, and the event loop is never blocked for long. The
 * split is exact: a body is accepted, with values that `JSON.parse` accepts, if and only if `JSON.parse`
 * accepts the whole body, except for the limits and for a repeated `arrayMember`. Decode values with
 * `toString()`. Only an unfinished value is kept between pieces; a value inside one piece shares its memory.
 * The scanner cannot be used after it has thrown.
 */
export class EnvelopeScanner {
  readonly #arrayMember: string | null;
  readonly #isArray: boolean;
  readonly #wrapper: string | undefined;
  readonly #maxDepth: number;
  readonly #outerDepth: number;
  readonly #maxElementBytes: number;
  readonly #values: ValueScanner;
  readonly #unfinished = new GrowingBuffer();
  /** Bytes of the body before the current piece. */
  #offset = 0;
  #markBytes = 0;
  #state: State = 'body';
  #inValue = false;
  #key = '';
  #arrayMemberSeen = false;
  #count = 0;
  /** Names of members so far. */
  #members = 0;
  /** Levels of wrapping around the members. */
  #wrapping: 0 | 1 = 0;

  constructor(options: EnvelopeOptions) {
    this.#arrayMember = options.arrayMember;
    this.#isArray = options.isArray ?? false;
    this.#wrapper = options.wrapper;
    this.#maxDepth = options.maxDepth;
    this.#outerDepth = options.outerDepth ?? 0;
    this.#maxElementBytes = options.maxElementBytes;
    this.#values = new ValueScanner(options.maxDepth);
  }

  /**
   * Takes the next piece of the body, split anywhere, and returns the parts that it completes. Time is linear
   * in the piece.
   *
   * @throws JsonSyntaxError, JsonDepthError, JsonElementTooLargeError
   */
  push(chunk: Buffer): EnvelopeEvent[] {
    const events: EnvelopeEvent[] = [];
    let position = this.#skipByteOrderMark(chunk);
    while (position < chunk.length) {
      if (this.#inValue) position = this.#scanValue(chunk, position, events);
      else if (isSpace(chunk[position] as number)) position++;
      else position = this.#step(chunk[position] as number, position, events);
    }
    this.#offset += chunk.length;
    return events;
  }

  /**
   * Call it at the end of the body. There are no more events: the last brace completed everything.
   *
   * @throws JsonSyntaxError when the document is incomplete
   */
  end(): EnvelopeEvent[] {
    if (this.#state !== 'end') throw new JsonSyntaxError('unexpected end of body', this.#offset);
    return [];
  }

  #skipByteOrderMark(chunk: Buffer): number {
    let position = 0;
    while (
      this.#markBytes < BYTE_ORDER_MARK.length &&
      this.#offset + position === this.#markBytes &&
      chunk[position] === BYTE_ORDER_MARK[this.#markBytes]
    ) {
      position++;
      this.#markBytes++;
    }
    return position;
  }

  /** Takes one byte of punctuation, or begins a value at it; returns the position to continue at. */
  #step(byte: number, position: number, events: EnvelopeEvent[]): number {
    const next = this.#punctuation(byte, position, events);
    if (next !== undefined) {
      this.#state = next;
      return position + 1;
    }
    if (!this.#beginsValue(byte)) throw this.#unexpected(position);
    this.#inValue = true;
    return position;
  }

  /** The state after a punctuation mark; undefined when the byte is not allowed here. */
  #punctuation(byte: number, position: number, events: EnvelopeEvent[]): State | undefined {
    switch (this.#state) {
      case 'body':
        if (byte !== (this.#isArray ? OPEN_BRACKET : OPEN_BRACE) || !this.#markIsWhole()) return undefined;
        return this.#enter(this.#isArray ? 'first element' : 'first name', 1, position);
      case 'first name':
        return byte === CLOSE_BRACE ? this.#endObject() : undefined;
      case 'colon':
        return byte === COLON ? 'member' : undefined;
      case 'member':
        if (byte === OPEN_BRACE && this.#isWrapper()) return this.#unwrap(position);
        return byte === OPEN_BRACKET && this.#key === this.#arrayMember
          ? this.#enter('first element', 2 + this.#wrapping, position)
          : undefined;
      case 'after member':
        if (byte === CLOSE_BRACE) return this.#endObject();
        return byte === COMMA ? 'name' : undefined;
      case 'after wrapped':
        return byte === CLOSE_BRACE ? 'end' : undefined;
      case 'first element':
        return byte === CLOSE_BRACKET ? this.#endArray(events) : undefined;
      case 'after element':
        if (byte === CLOSE_BRACKET) return this.#endArray(events);
        return byte === COMMA ? 'element' : undefined;
      default:
        return undefined;
    }
  }

  #markIsWhole(): boolean {
    return this.#markBytes === 0 || this.#markBytes === BYTE_ORDER_MARK.length;
  }

  #enter(state: State, depth: number, position: number): State {
    if (this.#outerDepth + depth > this.#maxDepth)
      throw new JsonDepthError(this.#maxDepth, this.#offset + position);
    return state;
  }

  #isWrapper(): boolean {
    return this.#members === 1 && this.#wrapping === 0 && this.#key === this.#wrapper;
  }

  #unwrap(position: number): State {
    this.#wrapping = 1;
    return this.#enter('first name', 2, position);
  }

  #endObject(): State {
    return this.#wrapping === 1 ? 'after wrapped' : 'end';
  }

  #endArray(events: EnvelopeEvent[]): State {
    events.push({ kind: 'array-end' });
    return this.#isArray ? 'end' : 'after member';
  }

  #beginsValue(byte: number): boolean {
    switch (this.#state) {
      case 'first name':
      case 'name':
        return byte === QUOTE && this.#values.begin(byte, this.#outerDepth + 1 + this.#wrapping);
      case 'member':
        return this.#values.begin(byte, this.#outerDepth + 1 + this.#wrapping);
      case 'first element':
      case 'element':
        return this.#values.begin(byte, this.#outerDepth + (this.#isArray ? 1 : 2) + this.#wrapping);
      default:
        return false;
    }
  }

  #unexpected(position: number): JsonSyntaxError {
    const offset = this.#offset + position;
    if (this.#state === 'body')
      return new JsonSyntaxError(`the body is not a JSON ${this.#isArray ? 'array' : 'object'}`, offset);
    if (this.#state === 'end') return new JsonTrailingTextError(offset);
    return new JsonSyntaxError(`expected ${expectations[this.#state]} at byte ${offset}`, offset);
  }

  #scanValue(chunk: Buffer, start: number, events: EnvelopeEvent[]): number {
    const end = this.#values.scan(chunk, start, this.#offset);
    const stop = end === -1 ? chunk.length : end;
    if (this.#unfinished.length + stop - start > this.#maxElementBytes) throw this.#tooLarge();
    if (end === -1) {
      this.#unfinished.append(chunk, start, stop);
    } else {
      this.#inValue = false;
      this.#finish(this.#gather(chunk, start, end), this.#offset + end, events);
    }
    return stop;
  }

  #gather(chunk: Buffer, start: number, end: number): Buffer {
    if (this.#unfinished.length === 0) return chunk.subarray(start, end);
    this.#unfinished.append(chunk, start, end);
    return this.#unfinished.take();
  }

  #tooLarge(): JsonElementTooLargeError {
    const max = this.#maxElementBytes;
    switch (this.#state) {
      case 'member':
        // Shortened: it comes from the caller and may be as large as a value.
        return new JsonElementTooLargeError(`member ${JSON.stringify(this.#key.slice(0, 100))}`, max);
      case 'first element':
      case 'element':
        return new JsonElementTooLargeError(`${this.#arrayMember ?? ''}[${this.#count}]`, max);
      default:
        return new JsonElementTooLargeError('a member name', max);
    }
  }

  /** `end` is the offset in the body of the byte after the value. */
  #finish(value: Buffer, end: number, events: EnvelopeEvent[]): void {
    switch (this.#state) {
      case 'member':
        events.push({ kind: 'member', key: this.#key, value });
        this.#state = 'after member';
        break;
      case 'first element':
      case 'element':
        this.#count++;
        events.push({ kind: 'element', value });
        this.#state = 'after element';
        break;
      default:
        this.#key = this.#readName(value, end - value.length);
        this.#members++;
        this.#state = 'colon';
    }
  }

  #readName(bytes: Buffer, offset: number): string {
    const name = parseName(bytes, offset);
    if (name !== this.#arrayMember) return name;
    // Its elements have been reported already, so a later value cannot replace them, as `JSON.parse` would
    // do.
    if (this.#arrayMemberSeen)
      throw new JsonSyntaxError(`duplicate member "${name}" at byte ${offset}`, offset);
    this.#arrayMemberSeen = true;
    return name;
  }
}
