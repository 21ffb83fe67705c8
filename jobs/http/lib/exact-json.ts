import { NonRetryableError } from 'batchwright/plugin';

/** TypeScript does not know these parts of ES2026 yet. */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(source: string): unknown;
};

/** A shorter whole number is exact. */
const MAY_BE_ROUNDED = /\d{16}/;
const LONG_WHOLE_NUMBER = /^-?\d{16,}$/;

/**
 * The parsed JSON of a text, in which whole numbers stay as they are written when it becomes text again: many
 * APIs have ids of 18 digits, and JSON.parse rounds them.
 *
 * @param parsed what JSON.parse makes of the text
 * @throws NonRetryableError for a text that is nested too deeply
 */
export function withExactNumbers(text: string, parsed: unknown): unknown {
  if (!MAY_BE_ROUNDED.test(text)) return parsed;
  try {
    return json.parse(text, (_name, value, { source }) =>
      source !== undefined && LONG_WHOLE_NUMBER.test(source) ? json.rawJSON(source) : value,
    );
  } catch (cause) {
    // The text is JSON, so only its depth can be the reason.
    throw new NonRetryableError('the body of the answer is nested too deeply', { cause });
  }
}
