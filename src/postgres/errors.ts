/** SQLSTATE classes of a database that is gone, starting, stopping or full, rather than of a wrong statement. */
const UNAVAILABLE = /^(08|53|57P|58|25006|XX000)/;
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
  /connection terminated|connection ended|timeout exceeded when trying to connect|not queryable|client was closed|not currently accepting connections/i;

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
  return (error as { code?: unknown }).code === '25P02';
}

/** True when the transaction lost against another one, and may be begun anew: SQLSTATE class 40. */
export function isRepeatable(error: unknown): boolean {
  return /^40/.test(String((error as { code?: unknown }).code));
}

/** True when a row was to be inserted that is there already. */
export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown }).code === '23505';
}

/** True when Postgres refused what was to be stored: SQLSTATE class 22, and a nesting it cannot follow. */
export function isDataError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && (code.startsWith('22') || code === '54001' || code === '54000');
}
