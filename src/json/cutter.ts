import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isScalar,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './characters.ts';
import { JsonSyntaxError } from './errors.ts';

/** Moves through a JSON text from value to value. The text must be valid JSON. */
export class Cutter {
  readonly #text: string;
  #position = 0;
  /** The first backslash after the last string search; the text's length when there is none. */
  #backslash = -1;

  constructor(text: string) {
    this.#text = text;
    this.#moveTo(0);
  }

  /** Where it is in the text: at an item, or after the last one. */
  get position(): number {
    return this.#position;
  }

  isAt(mark: number): boolean {
    return this.#text.charCodeAt(this.#position) === mark;
  }

  /** Moves to the first item between two brackets; or past both, and returns false, when there is none. */
  open(opening: number, closing: number): boolean {
    this.#expect(opening);
    if (!this.isAt(closing)) return true;
    this.#expect(closing);
    return false;
  }

  /**
   * Moves from the end of an item to the next one; or past the bracket, and returns false, when that was the
   * last.
   */
  next(closing: number): boolean {
    if (this.isAt(COMMA)) {
      this.#expect(COMMA);
      return true;
    }
    this.#expect(closing);
    return false;
  }

  end(): void {
    if (this.#position < this.#text.length) throw this.#expected('the end of the text');
  }

  /** Moves past a member's name to its value; returns which of the names it is, -1 for another. */
  skipName(names: readonly string[], written: readonly string[]): number {
    const start = this.#position;
    if (!this.isAt(QUOTE)) throw this.#expected('a name');
    const end = this.#stringEnd(start + 1);
    this.#moveTo(end);
    this.#expect(COLON);
    if (this.#backslash < end) return names.indexOf(JSON.parse(this.#text.slice(start, end)));
    for (let name = 0; name < written.length; name++) {
      const candidate = written[name] as string;
      if (candidate.length === end - start && this.#text.startsWith(candidate, start)) return name;
    }
    return -1;
  }

  /** Moves past a member's name to its value; returns the name. */
  name(): string {
    const start = this.#position;
    if (!this.isAt(QUOTE)) throw this.#expected('a name');
    const end = this.#stringEnd(start + 1);
    this.#moveTo(end);
    this.#expect(COLON);
    return JSON.parse(this.#text.slice(start, end));
  }

  skipValue(): void {
    this.#moveTo(this.#valueEnd());
  }

  /** Moves past the value; returns its text. */
  value(): string {
    const start = this.#position;
    const end = this.#valueEnd();
    this.#moveTo(end);
    return this.#text.slice(start, end);
  }

  #expect(mark: number): void {
    if (!this.isAt(mark)) throw this.#expected(`"${String.fromCharCode(mark)}"`);
    this.#moveTo(this.#position + 1);
  }

  #expected(what: string): JsonSyntaxError {
    return new JsonSyntaxError(`expected ${what} at character ${this.#position}`, this.#position);
  }

  /** Moves to this position and past the space after it. */
  #moveTo(position: number): void {
    let next = position;
    while (isSpace(this.#text.charCodeAt(next))) next++;
    this.#position = next;
  }

  #valueEnd(): number {
    const start = this.#position;
    const first = this.#text.charCodeAt(start);
    if (first === QUOTE) return this.#stringEnd(start + 1);
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return this.#nestedEnd(start);
    return this.#scalarEnd(start);
  }

  /**
   * `start` is the position after the opening quote. Most strings contain no backslash, and most texts do
   * not.
   */
  #stringEnd(start: number): number {
    const text = this.#text;
    const quote = text.indexOf('"', start);
    if (quote === -1) throw this.#unexpectedEnd();
    if (this.#backslash < start) {
      const found = text.indexOf('\\', start);
      this.#backslash = found === -1 ? text.length : found;
    }
    return quote < this.#backslash ? quote + 1 : this.#escapedEnd(this.#backslash);
  }

  #escapedEnd(backslash: number): number {
    const text = this.#text;
    let position = backslash;
    while (position < text.length) {
      const code = text.charCodeAt(position++);
      if (code === QUOTE) return position;
      if (code === BACKSLASH) position++;
    }
    throw this.#unexpectedEnd();
  }

  #nestedEnd(start: number): number {
    const text = this.#text;
    let depth = 0;
    let position = start;
    while (position < text.length) {
      const code = text.charCodeAt(position++);
      if (code === QUOTE) position = this.#stringEnd(position);
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
      else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return position;
    }
    throw this.#unexpectedEnd();
  }

  #scalarEnd(start: number): number {
    let position = start;
    while (isScalar(this.#text.charCodeAt(position))) position++;
    if (position === start) throw this.#expected('a value');
    return position;
  }

  #unexpectedEnd(): JsonSyntaxError {
    return new JsonSyntaxError('unexpected end of text', this.#text.length);
  }
}
