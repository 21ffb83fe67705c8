/** A problem that stops the start and that the operator can fix; the message is one line. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = 'StartError';
  }
}

interface SystemError extends Error {
  code?: string;
  syscall?: string;
  hostname?: string;
  path?: string;
  /** Set in an AggregateError: a host name with several addresses has one error for each. */
  errors?: Error[];
  /** Set in errors from Postgres. */
  severity?: string;
}

/**
 * Explains to the operator why the start failed: one line that names the variable to change, if there is one.
 * A bug of ours is shown with its stack.
 */
export function explainStartFailure(error: unknown, env: Record<string, string | undefined>): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError)
    return error.stack ?? error.message;
  const failure: SystemError = error;
  const message = oneLine(failure.message || (failure.errors?.[0]?.message ?? failure.name));
  return explainAddress(failure, message, env) ?? explainDatabase(failure, message, env) ?? message;
}

function explainAddress(
  { code, syscall, hostname }: SystemError,
  message: string,
  env: Record<string, string | undefined>,
): string | null {
  const port = `PORT=${env.PORT || 3000}`;
  if (code === 'EADDRINUSE') return `${port} is taken: stop what uses it or set another PORT`;
  if (syscall === 'listen' && code === 'EACCES')
    return `${port} is not allowed to this user: set a PORT above 1023`;
  if (syscall === 'listen' || (syscall === 'getaddrinfo' && hostname === env.HOST))
    return `HOST=${env.HOST} is not an address of this machine: ${message}`;
  return null;
}

function explainDatabase(
  { syscall, severity, path, code, errors }: SystemError,
  message: string,
  env: Record<string, string | undefined>,
): string | null {
  if (path !== undefined && code !== undefined)
    return `DATA_DIR=${env.DATA_DIR || '.data'} cannot be used: ${message}`;
  const fromDatabase = severity ?? errors ?? (syscall === 'connect' || syscall === 'getaddrinfo');
  return fromDatabase && env.DATABASE_URL ? `DATABASE_URL cannot be used: ${message}` : null;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
