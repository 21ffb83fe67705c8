/** Jobs, one a line, from a file with one JSON value a line. */
import type { Readable } from 'node:stream';
import { type ActionName, jobText } from '../../json/job-text.ts';
import { type Line, LineScanner, LineTooLongError } from '../../json/line-scanner.ts';
import { CommandError, EXIT } from '../exit.ts';
import { bytesOf, decoded, nameOf } from './open-input.ts';
import { requireJobText } from './require-job.ts';

/** A server may be configured to take jobs of 256 MiB; then memory is needed for one of them. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/**
 * The jobs, as JSON on one line each. Lines of the file that are empty stay, so that the server's line numbers are
 * those of the file.
 *
 * @param action if given, each line is the params of a job of it; else it is a whole job, which the server checks
 */
export async function* jobLines(
  stdin: Readable,
  file: string,
  action: ActionName | undefined,
): AsyncGenerator<string> {
  let next = 1;
  let isFirst = true;
  for await (const { number, value } of linesOf(stdin, file)) {
    for (; next < number; next++) yield '';
    next++;
    const text = decoded(value, `line ${number} of ${nameOf(file)}`);
    if (isFirst && !action) requireJobText(text, file);
    isFirst = false;
    yield action ? jobText(action, checked(text, number, file)) : text;
  }
}

async function* linesOf(stdin: Readable, file: string): AsyncGenerator<Line> {
  // The server reports a line that is nested too deeply.
  const scanner = new LineScanner({ maxLineBytes: MAX_LINE_BYTES, maxDepth: Number.MAX_SAFE_INTEGER });
  try {
    for await (const piece of bytesOf(stdin, file)) yield* scanner.push(piece);
    yield* scanner.end();
  } catch (error) {
    if (error instanceof LineTooLongError)
      throw new CommandError(EXIT.error, `${nameOf(file)}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Throws CommandError for a line that is not JSON: within a job it could be more than the params. */
function checked(text: string, number: number, file: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw new CommandError(
      EXIT.error,
      `line ${number} of ${nameOf(file)} is not valid JSON: ${(error as Error).message}`,
    );
  }
}
