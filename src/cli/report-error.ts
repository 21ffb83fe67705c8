import { CommanderError } from 'commander';
import { AuthenticationError, PermissionError } from '../client/index.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';

/** Prints an error on standard error, and returns the exit code. */
export function reportError(error: unknown): ExitCode {
  // Commander has printed it, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.well : EXIT.usage;
  process.stderr.write(`batchwright: ${messageOf(error)}\n`);
  if (error instanceof CommandError) return error.exitCode;
  const isRefused = error instanceof AuthenticationError || error instanceof PermissionError;
  return isRefused ? EXIT.keyRefused : EXIT.error;
}

/** A fault of ours is shown with its stack. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isOurFault = error instanceof TypeError || error instanceof ReferenceError;
  return (isOurFault && error.stack) || error.message;
}
