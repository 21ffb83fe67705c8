/**
 * Whole numbers that `JSON.parse` makes of texts that are none, or another one: 9007199254740991.4 and
 * 9007199254740993 do not fit into a double, and what is asked to be a whole number must not change unseen.
 */

/** A number that may be rounded: of 16 digits or more, or with a fraction or an exponent. Strings may match. */
const MAY_BE_ROUNDED = /[:,[]\s*(-?(?:\d{16}|\d+[.eE])[\d.eE+-]*)/g;
/** The largest double that is no whole number. */
const LARGEST_FRACTION = 2 ** 52 - 0.5;

/** False when no number of the JSON text has become another whole one. Text in strings may be taken for numbers. */
export function mayBeRounded(json: string): boolean {
  MAY_BE_ROUNDED.lastIndex = 0;
  for (let match = MAY_BE_ROUNDED.exec(json); match; match = MAY_BE_ROUNDED.exec(json))
    if (isRounded(match[1] as string)) return true;
  return false;
}

/**
 * What `JSON.parse` makes of the text, but for whole numbers that the text does not say: each is a fraction near
 * by, so that whoever asks for a whole number finds none. The text must not be nested deeper than some thousands.
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

/** No regular expression: it would try every zero of a run that does not end the text. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
