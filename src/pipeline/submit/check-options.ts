/** The options of a batch: which are known, and what each may be. */
import { BATCH_OPTIONS, CALLBACK_ON, MAX_PRIORITY, type StopAfter } from '../../domain/batch-options.ts';
import { parseInstant } from '../../domain/instant.ts';
import { isOneOf, NOT_STORABLE, TEXT_FORMATS } from '../../domain/text.ts';
import { memberPath, unknownMember } from '../../domain/unknown-name.ts';
import { wrongBatchLimits } from '../../registry/limits.ts';
import { isObject, type Member, wrongMember } from '../../registry/members.ts';
import { wrongCallbackHeaders } from './callback-headers.ts';

const MAX_NAME = 200;
const MAX_METADATA = 16;
const MAX_METADATA_NAME = 100;
const MAX_METADATA_VALUE = 500;

/** A time further ahead is more likely a mistake. */
const MAX_AHEAD_SECONDS = 366 * 86_400;
const MAX_COUNT = 1_000_000_000;

type Options = Record<string, unknown>;

/** Each describes what is wrong with the value; null for a right one. */
const RULES: Record<string, (value: unknown) => string | null> = {
  skipInvalid: (value) => (typeof value === 'boolean' ? null : ' must be true or false'),
  name: (value) =>
    wrongText(value, { least: 1, most: MAX_NAME }, ` must be a text of 1 to ${MAX_NAME} characters`),
  metadata: wrongMetadata,
  priority: (value) =>
    Number.isInteger(value) && Math.abs(value as number) <= MAX_PRIORITY
      ? null
      : ` must be a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`,
  startAt: wrongStart,
  deadlineSeconds: (value) =>
    isNumber(value, 0, MAX_AHEAD_SECONDS)
      ? null
      : ` must be a number above 0, of ${MAX_AHEAD_SECONDS} at most`,
  stopAfter: wrongStopAfter,
  callbackHeaders: (value) => (isTexts(value) ? wrongCallbackHeaders(value) : ' must be an object of texts'),
  callbackOn: (value) => (isOneOf(value, CALLBACK_ON) ? null : ` must be ${CALLBACK_ON.join(' or ')}`),
};

/** Describes the first wrong option; null when all are right. */
export function wrongOption(options: Options): string | null {
  const names = Object.keys(options);
  const unknown = names.find((name) => !BATCH_OPTIONS.includes(name));
  if (unknown !== undefined) return unknownMember('options', unknown, BATCH_OPTIONS);
  for (const name of names) {
    const wrong = RULES[name]?.(options[name]) ?? null;
    if (wrong !== null) return `options.${name}${wrong}`;
  }
  return wrongBatchLimits(options, 'options.');
}

function wrongStart(value: unknown): string | null {
  const time = typeof value === 'string' ? parseInstant(value) : Number.NaN;
  if (!(time >= 0)) return ' must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z';
  return time - Date.now() > MAX_AHEAD_SECONDS * 1000 ? ' must not be more than a year ahead' : null;
}

const isCount = (value: unknown) => Number.isInteger(value) && isNumber(value, 0, MAX_COUNT);
const STOP_AFTER: Record<string, Member> = {
  failed: { fits: isCount, rule: 'must be a whole number from 1' },
  failedPercent: {
    fits: (value) => isNumber(value, 0, 100),
    rule: 'must be a number above 0, of 100 at most',
  },
  finished: { fits: isCount, rule: 'must be a whole number from 1' },
};

function wrongStopAfter(value: unknown): string | null {
  if (!isObject(value)) return ' must be like {"failed":10} or {"failedPercent":20,"finished":100}';
  const wrong = wrongMember(value, STOP_AFTER, '.');
  if (wrong !== null) return wrong;
  const { failed, failedPercent, finished } = value as StopAfter;
  if (failed === undefined && failedPercent === undefined) return ' needs failed or failedPercent';
  return finished !== undefined && failedPercent === undefined ? '.finished goes with failedPercent' : null;
}

function isNumber(value: unknown, above: number, most: number): boolean {
  return typeof value === 'number' && value > above && value <= most;
}

const WRONG_METADATA_NAME = ` has a name that is not a text of 1 to ${MAX_METADATA_NAME} characters`;
const WRONG_METADATA_VALUE = ` must be a text of at most ${MAX_METADATA_VALUE} characters`;

function wrongMetadata(value: unknown): string | null {
  if (!isObject(value)) return ' must be an object of texts';
  const entries = Object.entries(value);
  if (entries.length > MAX_METADATA) return ` must have at most ${MAX_METADATA} members`;
  for (const [name, text] of entries) {
    const wrong =
      wrongText(name, { least: 1, most: MAX_METADATA_NAME }, WRONG_METADATA_NAME) ??
      wrongText(text, { least: 0, most: MAX_METADATA_VALUE }, WRONG_METADATA_VALUE);
    if (wrong !== null) return wrong === WRONG_METADATA_NAME ? wrong : `: ${memberPath(name)}${wrong}`;
  }
  return null;
}

/** @param rule the answer for a value that is no text of this length */
function wrongText(
  value: unknown,
  { least, most }: { least: number; most: number },
  rule: string,
): string | null {
  if (typeof value !== 'string') return rule;
  // A character beyond U+FFFF has two units.
  const { length } = value.length > most ? [...value] : value;
  if (length < least || length > most) return rule;
  return TEXT_FORMATS.storable.allows(value) ? null : ` ${NOT_STORABLE}`;
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}
