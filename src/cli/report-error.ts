import { CommanderError } from 'commander';
import { ApiError, AuthenticationError, PermissionError } from '../client/index.ts';
import { CommandError, EXIT } from './exit.ts';
import { InterruptedError } from './interrupt.ts';
import type { Terminal } from './terminal.ts';

/** Prints an error on standard error, and returns the exit code. */
export function reportError(error: unknown, { stderr }: Pick<Terminal, 'stderr'>): number {
  // Commander has printed it, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.well : EXIT.usage;
  if (error instanceof InterruptedError) return error.exitCode;
  stderr.write(`batchwright: ${messageOf(error)}\n`);
  if (error instanceof CommandError) return error.exitCode;
  const isRefused = error instanceof AuthenticationError || error instanceof PermissionError;
  return isRefused ? EXIT.keyRefused : EXIT.error;
}

/** A fault of ours is shown with its stack. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ApiError) return lines(error);
  const isOurFault = error instanceof TypeError || error instanceof ReferenceError;
  return (isOurFault && error.stack) || error.message;
}

/** Each fault on a line of its own. */
function lines({ message, messages }: ApiError): string {
  const faults = messages.join('; ');
  const head = faults === '' ? message : message.slice(0, -faults.length - '; '.length);
  return [head, ...messages].join('\n  ');
}
