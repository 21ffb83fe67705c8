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
  eachItem(text, OPEN_BRACKET, CLOSE_BRACKET, (start) => {
    const end = skipValue(text, start);
    elements.push(text.slice(start, end));
    return end;
  });
  return elements;
}

/**
 * The raw text of each member's value of a JSON object, by unescaped key; of equal keys the last wins. A Map,
 * because `__proto__` is a key like any other. The text must be valid JSON, as for `splitArray`.
 *
 * @throws JsonSyntaxError when the text is no object; its offset counts characters
 */
export function splitObject(text: string): Map<string, string> {
  const members = new Map<string, string>();
  eachItem(text, OPEN_BRACE, CLOSE_BRACE, (start) => {
    const nameEnd = skipName(text, start);
    const valueStart = skipSpace(text, skipMark(text, skipSpace(text, nameEnd), COLON));
    const end = skipValue(text, valueStart);
    members.set(readName(text, start, nameEnd), text.slice(valueStart, end));
    return end;
  });
  return members;
}

/** Calls `takeItem`, which returns where its item ends, at the start of each item between two brackets. */
function eachItem(text: string, open: number, close: number, takeItem: (start: number) => number): void {
  let position = skipSpace(text, skipMark(text, skipSpace(text, 0), open));
  if (text.charCodeAt(position) !== close) {
    position = skipSpace(text, takeItem(position));
    while (text.charCodeAt(position) === COMMA) {
      position = skipSpace(text, takeItem(skipSpace(text, position + 1)));
    }
  }
  const end = skipSpace(text, skipMark(text, position, close));
  if (end < text.length) throw new JsonSyntaxError(`expected the end of the text at character ${end}`, end);
}

function skipMark(text: string, position: number, mark: number): number {
  if (text.charCodeAt(position) === mark) return position + 1;
  throw new JsonSyntaxError(`expected "${String.fromCharCode(mark)}" at character ${position}`, position);
}

function skipSpace(text: string, start: number): number {
  let position = start;
  while (isSpace(text.charCodeAt(position))) position++;
  return position;
}

function skipName(text: string, start: number): number {
  return skipString(text, skipMark(text, start, QUOTE));
}

function readName(text: string, start: number, end: number): string {
  const name = text.slice(start + 1, end - 1);
  return name.includes('\\') ? JSON.parse(text.slice(start, end)) : name;
}

/** The position after the value that begins at `start`. */
function skipValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return skipString(text, start + 1);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(text, start);
  return skipScalar(text, start);
}

/** `start` is the position after the opening quote. */
function skipString(text: string, start: number): number {
  let position = start;
  while (position < text.length) {
    const code = text.charCodeAt(position++);
    if (code === QUOTE) return position;
    if (code === BACKSLASH) position++;
  }
  throw unexpectedEnd(text);
}

function skipNested(text: string, start: number): number {
  let depth = 0;
  let position = start;
  while (position < text.length) {
    const code = text.charCodeAt(position++);
    if (code === QUOTE) position = skipString(text, position);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return position;
  }
  throw unexpectedEnd(text);
}

function skipScalar(text: string, start: number): number {
  let position = start;
  while (isScalar(text.charCodeAt(position))) position++;
  if (position === start) throw new JsonSyntaxError(`expected a value at character ${start}`, start);
  return position;
}

function unexpectedEnd(text: string): JsonSyntaxError {
  return new JsonSyntaxError('unexpected end of text', text.length);
}
