import { isUtcTimestamp } from './utc-timestamp.ts';

/**
 * Rules for texts, most of them for texts that must be stored and sent unchanged. UTF-8 output (to a database, a request, a mail)
 * replaces half of a surrogate pair, and Postgres rejects U+0000 in a text. The names are formats that JSON
 * Schemas of plugins may use: a regex pattern for such a rule would overflow the stack on a text of some MB.
 */
export const TEXT_FORMATS = {
  'well-formed': {
    allows: (text: string) => text.isWellFormed(),
    rule: 'must not contain half of a surrogate pair',
  },
  storable: {
    allows: (text: string) => text.isWellFormed() && !text.includes('\0'),
    rule: 'must not contain U+0000 or half of a surrogate pair',
  },
  'one-line': {
    allows: (text: string) => text.isWellFormed() && !/\p{Cc}/u.test(text),
    rule: 'must be one line of text without control characters or half of a surrogate pair',
  },
  'utc-timestamp': {
    allows: isUtcTimestamp,
    rule: 'must be a real date and time in UTC, YYYY-MM-DD HH:mm:ss UTC or without the UTC',
  },
} as const satisfies Record<string, { allows(text: string): boolean; rule: string }>;

/** The end of the sentence about a text that is not storable. */
export const NOT_STORABLE = 'has a character that cannot be stored';

/** The rule of a format, as error text; undefined for another format. */
export function textRule(format: string): string | undefined {
  return Object.hasOwn(TEXT_FORMATS, format)
    ? TEXT_FORMATS[format as keyof typeof TEXT_FORMATS].rule
    : undefined;
}

/** The whole number in a text of digits; null for another text, and for a number out of range. */
export function wholeNumberIn(text: string, least: number, most: number): number | null {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : null;
}

/** True when the value is one of the words. */
export function isOneOf<T extends string>(value: unknown, words: readonly T[]): value is T {
  return (words as readonly unknown[]).includes(value);
}
