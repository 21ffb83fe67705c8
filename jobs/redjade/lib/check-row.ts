/** Checks the rows of an import. A wrong row is stored too, with what is wrong with it. */
import { compileSchema, NonRetryableError } from 'batchwright/plugin';
import { participant } from '#schemas/redjade/lib/participant.ts';

/** The JSON of a longer row is not kept. All valid rows are shorter. */
export const MAX_ROW_LENGTH = 256 * 1024;
const MAX_ERRORS = 20;
const MAX_SHOWN = 100;

export const FIELDS = ['external_id', 'email', 'first_name', 'last_name', 'locale'] as const;
export type Field = (typeof FIELDS)[number];
export type Demographics = Record<string, string | number | boolean>;

/** What is wrong with a row; `field` is absent when it is not about one member. */
export interface RowError {
  message: string;
  field?: string;
}

/** A row as it is stored. An invalid one has what is valid of it, and `raw`: its JSON, null when that was too long. */
export interface CheckedRow extends Record<Field, string | null> {
  is_valid: boolean;
  demographics: Demographics | null;
  raw: string | null;
  errors: RowError[] | null;
}

type Members = Record<string, unknown>;

const problemsOf = compileSchema(participant);

/** @param row the JSON text of the row, or the length of one that is longer than MAX_ROW_LENGTH */
export function checkRow(row: string | number): CheckedRow {
  if (typeof row === 'number') return tooLong(row);
  const value = parsed(row);
  const problems = problemsOf(value);
  const members = isObject(value) ? value : {};
  const errors = [
    ...problems.map(({ path, keyword, message }) =>
      errorAt(path, path[0] === 'locale' && keyword === 'pattern' ? LANGUAGE_TAG : message),
    ),
    ...roundedNumbers(members.demographics),
  ];
  if (problems.length === 0 && isAbsent(members.external_id) && isAbsent(members.email))
    errors.push({ message: 'must have an external_id or an email' });

  const wrong = new Set(errors.map(({ field }) => field?.split('.')[0]));
  const kept = (name: Field) => (wrong.has(name) ? null : (members[name] ?? null));
  const isValid = errors.length === 0;
  return {
    is_valid: isValid,
    ...(Object.fromEntries(FIELDS.map((name) => [name, kept(name)])) as Record<Field, string | null>),
    demographics: wrong.has('demographics') ? null : withoutNulls(members.demographics),
    // Half a surrogate pair cannot be stored; JSON.stringify escapes it.
    raw: isValid ? null : row.isWellFormed() ? row : JSON.stringify(value),
    errors: isValid ? null : errors.slice(0, MAX_ERRORS),
  };
}

const LANGUAGE_TAG = 'must be a language tag such as en or fr-CA';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NonRetryableError('params.rows must be texts of JSON', { errorCode: 400, cause });
  }
}

function tooLong(length: number): CheckedRow {
  const message = `has ${length} characters of JSON; the maximum is ${MAX_ROW_LENGTH}, and it is not kept`;
  const nothing = Object.fromEntries(FIELDS.map((name) => [name, null])) as Record<Field, null>;
  return { is_valid: false, ...nothing, demographics: null, raw: null, errors: [{ message }] };
}

function errorAt(path: readonly string[], message: string): RowError {
  const field = path.map((part) => shown(part)).join('.');
  return { message: shown(message, 1000), ...(field === '' ? {} : { field }) };
}

/** Whole numbers that JSON numbers cannot keep: the caller meant another one. */
function roundedNumbers(demographics: unknown): RowError[] {
  if (!isObject(demographics)) return [];
  return Object.entries(demographics)
    .filter(([, value]) => Number.isInteger(value) && !Number.isSafeInteger(value))
    .map(([name]) =>
      errorAt(['demographics', name], 'must be at most 9007199254740991; send a larger number as a text'),
    );
}

function withoutNulls(demographics: unknown): Demographics | null {
  if (!isObject(demographics)) return null;
  const values = Object.entries(demographics).filter(([, value]) => !isAbsent(value));
  return values.length > 0 ? (Object.fromEntries(values) as Demographics) : null;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name or message that can be stored: short, and without the characters that Postgres does not take. */
function shown(text: string, most = MAX_SHOWN): string {
  const short = text.slice(0, most);
  return /\p{Cc}/u.test(short) || !short.isWellFormed() ? JSON.stringify(short).slice(1, -1) : short;
}
