/** JSON in which numbers that JavaScript would round stay as they are written, when it becomes text again. */

/** TypeScript does not know these parts of ES2026 yet. */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(source: string): unknown;
};

/** A number with fewer digits and without an exponent is exact. Strings may match too. */
const MAY_BE_ROUNDED = /[\d.]{16}|\d[eE]/;

/** False when `JSON.parse` keeps every number of the text. */
export function mayBeRounded(text: string): boolean {
  return MAY_BE_ROUNDED.test(text);
}

/** Like `JSON.parse`, but numbers that may be rounded become values that `JSON.stringify` writes as they were. */
export function parseExact(text: string): unknown {
  if (!mayBeRounded(text)) return JSON.parse(text);
  return json.parse(text, (_name, value, { source }) =>
    typeof value === 'number' && source !== undefined && mayBeRounded(source) ? json.rawJSON(source) : value,
  );
}
