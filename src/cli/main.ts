/** The command line: `npx batchwright …`. */
import { runCommandLine } from './run-command-line.ts';
import { endQuietlyWithoutReader } from './standard-output.ts';

endQuietlyWithoutReader();
process.exitCode = await runCommandLine(process.argv.slice(2), process);
