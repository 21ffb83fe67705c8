/**
 * Finds whole numbers that `JSON.parse` makes of texts with another value: 9007199254740991.4 and
 * 9007199254740993 do not fit into a double. A value that must be a whole number must not change silently.
 */

/**
 * A number that may be rounded: with 16 digits or more, or with a fraction or an exponent. Strings may match.
 */
const MAY_BE_ROUNDED = /[:,[]\s*(-?(?:\d{16}|\d+[.eE])[\d.eE+-]*)/g;
/** The largest double with a fraction. */
const LARGEST_FRACTION = 2 ** 52 - 0.5;

/**
 * False when no number of the JSON text was rounded to another whole number. Text in strings may count as
 * numbers.
 */
export function mayBeRounded(json: string): boolean {
  MAY_BE_ROUNDED.lastIndex = 0;
  for (let match = MAY_BE_ROUNDED.exec(json); match; match = MAY_BE_ROUNDED.exec(json))
    if (isRounded(match[1] as string)) return true;
  return false;
}

/**
 * Like `JSON.parse`, except for whole numbers that the text does not contain: each becomes a near fraction,
 * so that a check for a whole number fails. The text must not be nested deeper than some thousands.
 *
 * @throws SyntaxError
 */
export function parseUnrounded(json: string): unknown {
  if (!mayBeRounded(json)) return JSON.parse(json);
  return JSON.parse(json, (_name: string, value: unknown, number?: { source?: string }) => {
    if (typeof value !== 'number' || !isRounded(number?.source ?? '')) return value;
    return Math.abs(value) < LARGEST_FRACTION ? value - 0.5 : Math.sign(value) * LARGEST_FRACTION;
  });
}

function isRounded(text: string): boolean {
  const value = Number(text);
  return Number.isInteger(value) && !isExactly(text, value);
}

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

function isExactly(text: string, value: number): boolean {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const digits = withoutTrailingZeros(`${whole}${fraction}`);
  if (digits === '') return true;
  const power = Number(exponent) + whole.length - digits.length;
  return power >= 0 && BigInt(digits) * 10n ** BigInt(power) === BigInt(Math.abs(value));
}

/** Without a regular expression, which would try every zero of a run that does not end the text. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
