import { iso31661Alpha2ToAlpha3 } from 'iso-3166/1-a2-to-1-a3.js';

/**
 * A pattern for the ISO 3166-1 codes of two and of three letters, in any case. The codes are merged
 * letter by letter (`A` followed by `D`, `E`, …): as a plain list of 498 alternatives the pattern would be
 * three times as long. The `i` flag is not open to JSON Schema.
 */
export const COUNTRY_CODE = `^(?:${[
  ...byFirstLetter(Object.keys(iso31661Alpha2ToAlpha3), anyOf),
  ...byFirstLetter(
    Object.values(iso31661Alpha2ToAlpha3),
    (rests) => `(?:${byFirstLetter(rests, anyOf).join('|')})`,
  ),
].join('|')})$`;

/** One alternative for each first letter; `pattern` is made from what follows that letter. */
function byFirstLetter(codes: string[], pattern: (rests: string[]) => string): string[] {
  const rests = Map.groupBy(codes, (code) => code.slice(0, 1));
  return [...rests].map(([letter, group]) => anyOf([letter]) + pattern(group.map((code) => code.slice(1))));
}

/** One of the letters, in either case. */
function anyOf(letters: string[]): string {
  return `[${letters.join('')}${letters.join('').toLowerCase()}]`;
}
