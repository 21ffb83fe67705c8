/**
 * JSON values whose numbers keep their digits: 9007199254740993 stays itself. Node 24 and browsers since 2025 have it
 * (https://github.com/tc39/proposal-json-parse-with-source); TypeScript does not know it yet.
 */

/** A number as it is written; JSON.stringify writes it unchanged. */
export interface RawNumber {
  readonly rawJSON: string;
}

interface JsonWithSource {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { source: string }) => unknown,
  ): unknown;
}

const withSource = JSON as unknown as JsonWithSource;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Undefined for a text that is not a number as JSON writes it. */
export function rawNumber(text: string): RawNumber | undefined {
  return NUMBER.test(text) ? withSource.rawJSON(text) : undefined;
}

export function isRawNumber(value: unknown): value is RawNumber {
  return withSource.isRawJSON(value);
}

/** JSON.parse with a RawNumber in place of each number. Throws SyntaxError. */
export function parseRaw(text: string): unknown {
  return withSource.parse(text, (_, value, { source }) =>
    typeof value === 'number' ? withSource.rawJSON(source) : value,
  );
}
