/**
 * JSON Pointers (https://www.rfc-editor.org/rfc/rfc6901) in JSON texts. Values are cut out and put in as they are written, so
 * that numbers keep their digits. The texts must be valid JSON.
 */
import { BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.ts';
import { Cutter } from './cutter.ts';

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
const INDEX = /^(?:0|[1-9]\d*)$/;
/** After the last element of an array. */
export const APPEND = '-';

/** The names and positions that lead to a value; null for a text that is not a JSON Pointer. */
export function parsePointer(pointer: string): string[] | null {
  if (!POINTER.test(pointer)) return null;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function pointerTo(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The position that a part of a path names in an array; null when it is a name. */
export function positionIn(part: string): number | null {
  return INDEX.test(part) ? Number(part) : null;
}

/** An order in which a path comes after those that lead to it, and positions come by number, `-` last. */
export function comparePaths(one: readonly string[], other: readonly string[]): number {
  for (const [at, part] of one.entries()) {
    const otherPart = other[at];
    if (otherPart === undefined) return 1;
    if (part !== otherPart) return compareParts(part, otherPart);
  }
  return one.length - other.length;
}

function compareParts(one: string, other: string): number {
  if (one === APPEND || other === APPEND) return one === APPEND ? 1 : -1;
  const [position, otherPosition] = [positionIn(one), positionIn(other)];
  if (position !== null && otherPosition !== null) return position - otherPosition;
  if (position !== null || otherPosition !== null) return position === null ? 1 : -1;
  return one < other ? -1 : 1;
}

/** The places that are looked for in a text, as a tree. */
interface Wanted {
  /** The positions of the paths that end here. */
  ends: number[];
  inner: Map<string, Wanted>;
  /** It was found already: then this is the second of two members with equal names. */
  isFound: boolean;
}

/**
 * The texts of the values to which the paths lead, in one pass; undefined for one that is not there. Of members with equal
 * names, the last counts.
 */
export function textsAt(json: string, paths: readonly (readonly string[])[]): (string | undefined)[] {
  const found: (string | undefined)[] = paths.map(() => undefined);
  const root = wantedPlace();
  for (const [position, path] of paths.entries()) {
    let place = root;
    for (const part of path) {
      const inner = place.inner.get(part) ?? wantedPlace();
      place.inner.set(part, inner);
      place = inner;
    }
    place.ends.push(position);
  }
  find(json, new Cutter(json), root, found);
  return found;
}

function wantedPlace(): Wanted {
  return { ends: [], inner: new Map(), isFound: false };
}

/** Moves past the value, and keeps what is wanted of it. */
function find(json: string, cutter: Cutter, wanted: Wanted, found: (string | undefined)[]): void {
  if (wanted.isFound) forget(wanted, found);
  wanted.isFound = true;
  const start = cutter.position;
  if (wanted.inner.size > 0 && cutter.isAt(OPEN_BRACE))
    for (let more = cutter.open(OPEN_BRACE, CLOSE_BRACE); more; more = cutter.next(CLOSE_BRACE))
      findInner(json, cutter, wanted.inner.get(cutter.name()), found);
  else if (wanted.inner.size > 0 && cutter.isAt(OPEN_BRACKET)) {
    let position = 0;
    for (let more = cutter.open(OPEN_BRACKET, CLOSE_BRACKET); more; more = cutter.next(CLOSE_BRACKET))
      findInner(json, cutter, wanted.inner.get(String(position++)), found);
  } else cutter.skipValue();
  if (wanted.ends.length === 0) return;
  const value = json.slice(start, cutter.position).trimEnd();
  for (const position of wanted.ends) found[position] = value;
}

function findInner(
  json: string,
  cutter: Cutter,
  wanted: Wanted | undefined,
  found: (string | undefined)[],
): void {
  if (wanted) find(json, cutter, wanted, found);
  else cutter.skipValue();
}

function forget({ ends, inner }: Wanted, found: (string | undefined)[]): void {
  for (const position of ends) found[position] = undefined;
  for (const place of inner.values()) if (place.isFound) forget(place, found);
}

/** A value to be put into a text. */
export interface Insertion {
  path: readonly string[];
  /** JSON text. */
  value: string;
}

/** A path leads through something that is not there, or is not an object or an array. */
export class NoPlaceError extends Error {
  readonly path: readonly string[];

  constructor(path: readonly string[]) {
    super(`there is no place at "${pointerTo(path)}"`);
    this.path = path;
  }
}

/**
 * The text with these values at their places: each takes the place of the value that is there, or is added to the object or
 * array that would have it.
 *
 * @param insertions in the order of `comparePaths`
 * @param depth how many parts of each path lead to the text itself
 * @throws NoPlaceError
 */
export function insertInto(json: string, insertions: readonly Insertion[], depth = 0): string {
  if (insertions.length === 0) return json;
  const [first, ...deeper] = insertions as [Insertion, ...Insertion[]];
  if (first.path.length === depth) return insertInto(first.value, deeper, depth);
  const inserter = new Inserter(json);
  inserter.fill(insertions, depth);
  return inserter.end();
}

/** One pass over the text, however deep the places are. */
class Inserter {
  readonly #text: string;
  readonly #cutter: Cutter;
  readonly #pieces: string[] = [];
  /** What of the text is in the pieces, or replaced by them. */
  #copied = 0;
  /** Those without a place. Of members with equal names the last counts, so a place may still be found. */
  readonly #homeless = new Set<Insertion>();

  constructor(text: string) {
    this.#text = text;
    this.#cutter = new Cutter(text);
  }

  /** Moves past the value, and puts in what belongs into it. */
  fill(insertions: readonly Insertion[], depth: number): void {
    const cutter = this.#cutter;
    if (cutter.isAt(OPEN_BRACE)) this.#fillObject(insertions, depth);
    else if (cutter.isAt(OPEN_BRACKET)) this.#fillArray(insertions, depth);
    else {
      cutter.skipValue();
      for (const insertion of insertions) this.#homeless.add(insertion);
    }
  }

  end(): string {
    const [homeless] = this.#homeless;
    if (homeless) throw new NoPlaceError(homeless.path);
    this.#pieces.push(this.#text.slice(this.#copied));
    return this.#pieces.join('');
  }

  #fillObject(insertions: readonly Insertion[], depth: number): void {
    const cutter = this.#cutter;
    const byName = Map.groupBy(insertions, ({ path }) => path[depth] as string);
    const missing = new Map(byName);
    let isEmpty = true;
    let end = cutter.position + 1;
    for (let more = cutter.open(OPEN_BRACE, CLOSE_BRACE); more; more = cutter.next(CLOSE_BRACE)) {
      isEmpty = false;
      const name = cutter.name();
      const own = byName.get(name);
      missing.delete(name);
      if (own) this.#put(own, depth + 1);
      else cutter.skipValue();
      end = cutter.position;
    }
    this.#append([...missing], { depth, end, isEmpty, write: (name) => `${JSON.stringify(name)}:` });
  }

  #fillArray(insertions: readonly Insertion[], depth: number): void {
    const cutter = this.#cutter;
    const byPart = Map.groupBy(insertions, ({ path }) => path[depth] as string);
    let length = 0;
    let end = cutter.position + 1;
    for (let more = cutter.open(OPEN_BRACKET, CLOSE_BRACKET); more; more = cutter.next(CLOSE_BRACKET)) {
      const own = byPart.get(String(length++));
      if (own) this.#put(own, depth + 1);
      else cutter.skipValue();
      end = cutter.position;
    }
    const isEmpty = length === 0;
    const sent = length;
    const appended: [string, Insertion[]][] = [];
    for (const [part, own] of byPart) {
      const position = part === APPEND ? length : positionIn(part);
      if (position === length) {
        appended.push([part, own]);
        length++;
      } else if (position === null || position >= sent)
        for (const insertion of own) this.#homeless.add(insertion);
    }
    this.#append(appended, { depth, end, isEmpty, write: () => '' });
  }

  /** Puts these in place of the value at the cutter, or into it. */
  #put(insertions: readonly Insertion[], depth: number): void {
    for (const insertion of insertions) this.#homeless.delete(insertion);
    const [first, ...deeper] = insertions as [Insertion, ...Insertion[]];
    if (first.path.length > depth) {
      this.fill(insertions, depth);
      return;
    }
    const start = this.#cutter.position;
    const value = this.#cutter.value();
    this.#pieces.push(this.#text.slice(this.#copied, start), insertInto(first.value, deeper, depth));
    this.#copied = start + value.length;
  }

  #append(
    groups: readonly [string, readonly Insertion[]][],
    {
      depth,
      end,
      isEmpty,
      write,
    }: { depth: number; end: number; isEmpty: boolean; write: (part: string) => string },
  ): void {
    let comma = isEmpty ? '' : ',';
    for (const [part, [first, ...deeper]] of groups as [string, [Insertion, ...Insertion[]]][]) {
      if (first.path.length > depth + 1) {
        for (const insertion of [first, ...deeper]) this.#homeless.add(insertion);
        continue;
      }
      this.#pieces.push(this.#text.slice(this.#copied, end), comma, write(part));
      this.#pieces.push(insertInto(first.value, deeper, depth + 1));
      this.#copied = end;
      comma = ',';
    }
  }
}

/** How deep arrays and objects are nested in the text; 0 for a scalar. */
export function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let position = 0; position < json.length; position++) {
    const code = json.charCodeAt(position);
    if (code === QUOTE) position = closingQuote(json, position + 1);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

function closingQuote(json: string, start: number): number {
  for (let quote = json.indexOf('"', start); ; quote = json.indexOf('"', quote + 1)) {
    let first = quote;
    while (json.charCodeAt(first - 1) === BACKSLASH) first--;
    // An odd number of backslashes escapes the quote.
    if (quote === -1 || (quote - first) % 2 === 0) return quote === -1 ? json.length : quote;
  }
}
