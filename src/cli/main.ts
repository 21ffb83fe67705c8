/** The command line: `npx batchwright …`. */
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { endQuietlyWithoutReader } from './standard-output.ts';

endQuietlyWithoutReader();
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
