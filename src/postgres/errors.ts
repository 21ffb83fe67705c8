/**
 * SQLSTATE classes of a database that is gone, starting, stopping or full, rather than of a wrong statement; and
 * of a session that it ended since this process left its transaction idle for too long.
 */
const UNAVAILABLE = /^(08|53|57P|58|25006|25P03|25P04|XX000)/;
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
/** What pg says without a code. */
const LOST =
  /connection terminated|connection ended|timeout exceeded when trying to connect|timeout expired|not queryable|client was closed|not currently accepting connections/i;

/** True when the same statement may well succeed later: the database is away or out of room. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (UNREACHABLE.has(code) || UNAVAILABLE.test(code))) return true;
  if (error instanceof AggregateError && error.errors.some(isDatabaseUnavailable)) return true;
  return LOST.test(error.message) || (error.cause !== undefined && isDatabaseUnavailable(error.cause));
}

/** True when a statement came to a transaction of which another statement had failed. */
export function isAbortedTransaction(error: unknown): boolean {
  return codeOf(error) === '25P02';
}

/** True when the statement refuses to run inside of a transaction. */
export function isTransactionRefused(error: unknown): boolean {
  return codeOf(error) === '25001';
}

/** True when a lock was waited for in vain: whoever has it may be done with it later. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03';
}

/** True when the transaction lost against another one, and may be begun anew: a deadlock, above all; or a lock. */
export function isRepeatable(error: unknown): boolean {
  return codeOf(error).startsWith('40') || isLockTimeout(error);
}

/** True when the same may well succeed a little later: nothing is wrong with what was asked for. */
export function isTemporary(error: unknown): boolean {
  return isDatabaseUnavailable(error) || isRepeatable(error);
}

/** True when a row was to be inserted that is there already. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/** True when the server ended a statement that took longer than it may, or that somebody cancelled. */
export function isCancelled(error: unknown): boolean {
  return codeOf(error) === '57014';
}

/** True when a statement that changes something came to a transaction that reads. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006';
}

/** True when Postgres refused what was to be stored: SQLSTATE class 22, and a nesting it cannot follow. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('22') || code === '54001' || code === '54000';
}

function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
