/**
 * SQLSTATE classes of a database that is gone, starting, stopping or full, rather than of a wrong statement.
 * Also those of a session that the server ended because this process left its transaction idle too long.
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
/** Messages of `pg` errors without a code. */
const LOST =
  /connection terminated|connection ended|timeout exceeded when trying to connect|timeout expired|not queryable|client was closed|not currently accepting connections/i;

/** True when the same statement may succeed later: the database is away or out of space. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (UNREACHABLE.has(code) || UNAVAILABLE.test(code))) return true;
  if (error instanceof AggregateError && error.errors.some(isDatabaseUnavailable)) return true;
  return LOST.test(error.message) || (error.cause !== undefined && isDatabaseUnavailable(error.cause));
}

/** True when a statement was sent in a transaction that had already failed. */
export function isAbortedTransaction(error: unknown): boolean {
  return codeOf(error) === '25P02';
}

/** True when the statement cannot run inside a transaction. */
export function isTransactionRefused(error: unknown): boolean {
  return codeOf(error) === '25001';
}

/** True when a lock was not granted in time; it may be free later. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03';
}

/** True when the transaction failed because of another one, by a deadlock or a lock, and may be repeated. */
export function isRepeatable(error: unknown): boolean {
  return codeOf(error).startsWith('40') || isLockTimeout(error);
}

/** True when the same request may succeed a little later: the request itself is right. */
export function isTemporary(error: unknown): boolean {
  return isDatabaseUnavailable(error) || isRepeatable(error);
}

/** True when an inserted row already exists. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/** True when the server ended a statement because of its time limit or a cancel request. */
export function isCancelled(error: unknown): boolean {
  return codeOf(error) === '57014';
}

/** True when a statement tried to change something in a read-only transaction. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006';
}

/** True when the server cannot run such a statement at all. */
export function isUnsupported(error: unknown): boolean {
  return codeOf(error) === '0A000';
}

/** True when Postgres refused the data to be stored: SQLSTATE class 22, or too deep nesting. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('22') || code === '54001' || code === '54000';
}

function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
