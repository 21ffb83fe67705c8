import { isUtf8 } from 'node:buffer';
import { JsonSyntaxError } from './errors.ts';

/** What the scanner expects next, each with the words for an error. */
export const expectations = {
  body: 'an object',
  'first name': 'a member name or "}"',
  name: 'a member name',
  colon: '":"',
  member: 'a value',
  'after member': '"," or "}"',
  'first element': 'a value or "]"',
  element: 'a value',
  'after element': '"," or "]"',
  'after wrapped': '"}"',
} as const;
/** Nothing is expected at the end. */
export type State = keyof typeof expectations | 'end';

/**
 * The name in the bytes of a JSON text.
 *
 * @param offset its place in the body, for the JsonSyntaxError that malformed bytes throw
 */
export function parseName(bytes: Buffer, offset: number): string {
  // Decoding would replace invalid bytes.
  if (!isUtf8(bytes))
    throw new JsonSyntaxError(`the member name at byte ${offset} is not valid UTF-8`, offset);
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new JsonSyntaxError(`malformed member name at byte ${offset}`, offset);
  }
}
