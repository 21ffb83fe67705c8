/** The exit codes of the command; `docs/cli.md` lists them. */
export const EXIT = {
  well: 0,
  error: 1,
  /** The arguments are wrong. */
  usage: 2,
  /** The batch has ended, and not all of its jobs have succeeded. */
  failures: 3,
  /** The server answered 401 or 403. */
  keyRefused: 4,
  /** The time that --timeout allows is over. */
  timeOver: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * Ends the command with an exit code. The message is for the user: it is printed on standard error, and says what to
 * do. Any other error ends it with 1.
 */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The arguments are wrong: exit code 2. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(EXIT.usage, message);
  }
}
