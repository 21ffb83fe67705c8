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

/**
 * The raw text of each element of a JSON array, without white space around it. The text must be valid JSON:
 * the elements are cut out, not checked. They share the memory of `text`.
 *
 * @throws JsonSyntaxError when the text is no array; its offset counts characters
 */
export function splitArray(text: string): string[] {
  const elements: string[] = [];
  const cutter = new Cutter(text);
  for (let more = cutter.open(OPEN_BRACKET, CLOSE_BRACKET); more; more = cutter.next(CLOSE_BRACKET))
    elements.push(cutter.value());
  cutter.end();
  return elements;
}

/**
 * Takes named members out of the objects that are a JSON array's elements, at ascending indexes: what comes
 * before is passed over. The text must be valid JSON, as for `splitArray`.
 */
export class MemberReader {
  readonly #cutter: Cutter;
  readonly #names: readonly string[];
  /** The names as they are mostly written. */
  readonly #written: readonly string[];
  /** Of the element that comes next, if there is one. */
  #index = 0;
  #more: boolean;

  /** @throws JsonSyntaxError when the text is no array */
  constructor(text: string, names: readonly string[]) {
    this.#cutter = new Cutter(text);
    this.#names = names;
    this.#written = names.map((name) => JSON.stringify(name));
    this.#more = this.#cutter.open(OPEN_BRACKET, CLOSE_BRACKET);
  }

  /**
   * The raw text of each of the members, in the order of the names, undefined for one that is missing; of
   * equal keys, written alike or not, the last wins. An element that is no object is answered as its text.
   *
   * @throws RangeError for an index that is not there, or not above the one before
   * @throws JsonSyntaxError when the text is damaged; its offset counts characters
   */
  at(index: number): (string | undefined)[] | string {
    while (this.#more && this.#index < index) {
      this.#cutter.skipValue();
      this.#advance();
    }
    if (!this.#more || this.#index !== index) throw new RangeError(`no element ${index} from here on`);
    const element = this.#cutter.isAt(OPEN_BRACE) ? this.#members() : this.#cutter.value();
    this.#advance();
    return element;
  }

  #advance(): void {
    this.#index++;
    this.#more = this.#cutter.next(CLOSE_BRACKET);
  }

  #members(): (string | undefined)[] {
    const cutter = this.#cutter;
    const texts = this.#names.map((): string | undefined => undefined);
    for (let more = cutter.open(OPEN_BRACE, CLOSE_BRACE); more; more = cutter.next(CLOSE_BRACE)) {
      const member = cutter.skipName(this.#names, this.#written);
      if (member === -1) cutter.skipValue();
      else texts[member] = cutter.value();
    }
    return texts;
  }
}

/** Moves up a JSON text from value to value. */
class Cutter {
  readonly #text: string;
  #position = 0;
  /** Of the first backslash from where a string was looked for last; the text's length when there is none. */
  #backslash = -1;

  constructor(text: string) {
    this.#text = text;
    this.#moveTo(0);
  }

  isAt(mark: number): boolean {
    return this.#text.charCodeAt(this.#position) === mark;
  }

  /** To the first item between two brackets; past both and false when there is none. */
  open(opening: number, closing: number): boolean {
    this.#expect(opening);
    if (!this.isAt(closing)) return true;
    this.#expect(closing);
    return false;
  }

  /** From the end of an item to the next one; past the bracket and false when that was the last. */
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

  /** Past a member's name, to its value; answers which of the names it is, -1 for another. */
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

  skipValue(): void {
    this.#moveTo(this.#valueEnd());
  }

  /** Past the value; answers its text. */
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

  /** To this position and past the space that stands there. */
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

  /** `start` is the position after the opening quote. Most strings hold no backslash, and most texts do not. */
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
