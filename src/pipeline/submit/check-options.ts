/** The options of a batch: which are known, and what each may be. */
import { BATCH_OPTIONS, CALLBACK_ON } from '../../domain/batch-options.ts';
import { isOneOf } from '../../domain/text.ts';
import { memberPath, unknownMember } from '../../domain/unknown-name.ts';
import { wrongBatchLimits } from '../../registry/limits.ts';
import { isObject } from '../../registry/members.ts';
import { wrongCallbackHeaders } from './callback-headers.ts';

const MAX_NAME = 200;
const MAX_METADATA = 16;
const MAX_METADATA_NAME = 100;
const MAX_METADATA_VALUE = 500;

type Options = Record<string, unknown>;

/** Each describes what is wrong with the value; null for a right one. */
const RULES: Record<string, (value: unknown) => string | null> = {
  skipInvalid: (value) => (typeof value === 'boolean' ? null : ' must be true or false'),
  name: (value) => (isText(value, 1, MAX_NAME) ? null : ` must be a text of 1 to ${MAX_NAME} characters`),
  metadata: wrongMetadata,
  callbackHeaders: (value) => (isTexts(value) ? wrongCallbackHeaders(value) : ' must be an object of texts'),
  callbackOn: (value) => (isOneOf(value, CALLBACK_ON) ? null : ` must be ${CALLBACK_ON.join(' or ')}`),
};

/** Describes the first wrong option; null when all are right. */
export function wrongOption(options: Options): string | null {
  const unknown = Object.keys(options).find((name) => !BATCH_OPTIONS.includes(name));
  if (unknown !== undefined) return unknownMember('options', unknown, BATCH_OPTIONS);
  for (const [name, rule] of Object.entries(RULES)) {
    const wrong = options[name] === undefined ? null : rule(options[name]);
    if (wrong !== null) return `options.${name}${wrong}`;
  }
  return wrongBatchLimits(options, 'options.');
}

function wrongMetadata(value: unknown): string | null {
  if (!isObject(value)) return ' must be an object of texts';
  const entries = Object.entries(value);
  if (entries.length > MAX_METADATA) return ` must have at most ${MAX_METADATA} members`;
  for (const [name, text] of entries) {
    if (!isText(name, 1, MAX_METADATA_NAME))
      return ` has a name that is not a text of 1 to ${MAX_METADATA_NAME} characters`;
    if (!isText(text, 0, MAX_METADATA_VALUE))
      return `: ${memberPath(name)} must be a text of at most ${MAX_METADATA_VALUE} characters`;
  }
  return null;
}

/** Postgres stores neither U+0000 nor half of a surrogate pair in a text. */
function isText(value: unknown, least: number, most: number): boolean {
  if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) return false;
  // A character beyond U+FFFF has two units.
  const { length } = value.length > most ? [...value] : value;
  return length >= least && length <= most;
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}
