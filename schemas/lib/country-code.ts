import { iso31661Alpha2ToAlpha3 } from 'iso-3166/1-a2-to-1-a3.js';

/**
 * A pattern for the ISO 3166-1 codes of two and of three letters, in any case. The codes are merged letter by
 * letter (`A` followed by `D`, `E`, …), because a plain list of 498 alternatives would be three times as
 * long. JSON Schema does not support the `i` flag.
 */
export const COUNTRY_CODE = `^(?:${[
  ...byFirstLetter(Object.keys(iso31661Alpha2ToAlpha3), anyOf),
  ...byFirstLetter(
    Object.values(iso31661Alpha2ToAlpha3),
    (rests) => `(?:${byFirstLetter(rests, anyOf).join('|')})`,
  ),
].join('|')})$`;

/** One alternative for each first letter; `pattern` is applied to the letters after it. */
function byFirstLetter(codes: string[], pattern: (rests: string[]) => string): string[] {
  const rests = Map.groupBy(codes, (code) => code.slice(0, 1));
  return [...rests].map(([letter, group]) => anyOf([letter]) + pattern(group.map((code) => code.slice(1))));
}

/** One of the letters, in either case. */
function anyOf(letters: string[]): string {
  return `[${letters.join('')}${letters.join('').toLowerCase()}]`;
}
