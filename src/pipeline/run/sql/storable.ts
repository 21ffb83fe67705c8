import { TEXT_FORMATS } from '../../../domain/text.ts';
import { NonRetryableError } from '../../../plugin/errors.ts';

const { allows, rule } = TEXT_FORMATS.storable;

/**
 * Throws NonRetryableError (400) for a statement that would not reach Postgres unchanged: the driver replaces
 * half surrogate pairs, and Postgres rejects U+0000. Another run would not help.
 */
export function requireStorable(text: unknown, values: readonly unknown[] = []): void {
  if (isChanged(text)) throw refused('the statement');
  const changed = values.findIndex(isChanged);
  if (changed !== -1) throw refused(`$${changed + 1} of a statement`);
}

function isChanged(value: unknown): boolean {
  return typeof value === 'string' ? !allows(value) : Array.isArray(value) && value.some(isChanged);
}

function refused(what: string): NonRetryableError {
  return new NonRetryableError(`${what} ${rule}`, { errorCode: 400 });
}
