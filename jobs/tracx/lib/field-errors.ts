/** The field rules of participants, with messages about the field. */
import { compileSchema, type SchemaProblem } from 'batchwright/plugin';
import { participant } from '#schemas/lib/participant.ts';

const problemsOf = compileSchema(participant);

/** An unknown field may have a name of any length. */
const MAX_FIELD = 100;

/** What is wrong with a participant: one error for each wrong field. `field` is null when it is not an object. */
export function fieldErrors(value: unknown): { field: string | null; message: string }[] {
  const byField = new Map<string | null, string>();
  for (const problem of problemsOf(value)) {
    const [name] = problem.path;
    const field = name === undefined ? null : String(name).slice(0, MAX_FIELD).toWellFormed();
    if (!byField.has(field)) byField.set(field, messageOf(field, problem, value));
  }
  return [...byField].map(([field, message]) => ({ field, message }));
}

function messageOf(field: string | null, problem: SchemaProblem, value: unknown): string {
  if (field === null) return 'must be an object';
  switch (problem.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not known';
    default:
      return isMissing(field, value) ? 'is required' : (ruleOf(field, problem) ?? problem.message);
  }
}

/** A required field that is null or empty counts as absent. */
function isMissing(field: string, value: unknown): boolean {
  const given = (value as Record<string, unknown>)[field];
  return (participant.required as readonly string[]).includes(field) && (given === null || given === '');
}

function ruleOf(field: string, { keyword, params }: SchemaProblem): string | undefined {
  switch (keyword) {
    case 'type':
      return field === 'race_id' ? 'must be an integer' : 'must be a string';
    case 'minLength':
    case 'maxLength':
      return field === 'chip_code'
        ? 'must be exactly 7 characters'
        : `must be at most ${params.limit} characters`;
    case 'enum':
      return `must be ${listed(params.allowedValues as unknown[])}`;
    case 'minimum':
    case 'maximum':
      return `must be an integer from 1 to ${Number.MAX_SAFE_INTEGER}`;
    default:
      return PATTERNS[field];
  }
}

const ALPHA_DASH = 'must have only letters, digits, - and _';
/** The rules that are patterns, or formats other than that of texts. */
const PATTERNS: Record<string, string> = {
  unique_id: ALPHA_DASH,
  start_number: ALPHA_DASH,
  date_of_birth: 'must be a real date, YYYY-MM-DD',
  country_code: 'must be an ISO country code',
};

/** `male, female or neutral`; null goes without saying. */
function listed(values: readonly unknown[]): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(
    values.filter((value) => value !== null).map(String),
  );
}
