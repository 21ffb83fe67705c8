/**
 * Rules for texts that must not change on their way. What is written as UTF-8 (a database, a request, a mail) gets a
 * replacement character in place of half of a surrogate pair, and Postgres keeps no U+0000 in a text. The names are
 * formats that JSON Schemas of plugins may ask for: as a pattern such a rule would overflow on a text of some MB.
 */
export const TEXT_FORMATS = {
  'well-formed': {
    allows: (text: string) => text.isWellFormed(),
    rule: 'must not hold half of a surrogate pair',
  },
  storable: {
    allows: (text: string) => text.isWellFormed() && !text.includes('\0'),
    rule: 'must hold neither U+0000 nor half of a surrogate pair',
  },
  'one-line': {
    allows: (text: string) => text.isWellFormed() && !/\p{Cc}/u.test(text),
    rule: 'must be one line of text, without control characters and half of a surrogate pair',
  },
} as const satisfies Record<string, { allows(text: string): boolean; rule: string }>;

/** What a text of the format must be; undefined for another format. */
export function textRule(format: string): string | undefined {
  return Object.hasOwn(TEXT_FORMATS, format)
    ? TEXT_FORMATS[format as keyof typeof TEXT_FORMATS].rule
    : undefined;
}
