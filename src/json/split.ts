import { CLOSE_BRACE, CLOSE_BRACKET, OPEN_BRACE, OPEN_BRACKET } from './characters.ts';
import { Cutter } from './cutter.ts';

/**
 * The raw text of each element of a JSON array, without white space around it. The text must be valid JSON:
 * the elements are not checked. They share the memory of `text`.
 *
 * @throws JsonSyntaxError when the text is not an array; its offset counts characters
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
 * The raw text of each member of a JSON object, by name. Of equal names, the last wins.
 *
 * @throws JsonSyntaxError when the text is not an object; its offset counts characters
 */
export function splitObject(text: string): Map<string, string> {
  const members = new Map<string, string>();
  const cutter = new Cutter(text);
  for (let more = cutter.open(OPEN_BRACE, CLOSE_BRACE); more; more = cutter.next(CLOSE_BRACE))
    members.set(cutter.name(), cutter.value());
  cutter.end();
  return members;
}

/**
 * Reads named members of the objects in a JSON array, at ascending indexes: elements in between are skipped.
 * The text must be valid JSON, as for `splitArray`.
 */
export class MemberReader {
  readonly #cutter: Cutter;
  readonly #names: readonly string[];
  /** The names in their usual notation. */
  readonly #written: readonly string[];
  /** The index of the next element, if there is one. */
  #index = 0;
  #more: boolean;

  /** @throws JsonSyntaxError when the text is not an array */
  constructor(text: string, names: readonly string[]) {
    this.#cutter = new Cutter(text);
    this.#names = names;
    this.#written = names.map((name) => JSON.stringify(name));
    this.#more = this.#cutter.open(OPEN_BRACKET, CLOSE_BRACKET);
  }

  /**
   * The raw text of each member, in the order of the names; undefined for a missing one. Of equal keys, in
   * any notation, the last wins. An element that is not an object is returned as its text.
   *
   * @throws RangeError for an index that does not exist, or is not above the previous one
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
