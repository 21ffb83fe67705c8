import { Command } from 'commander';
import { VERSION } from '../config/version.ts';
import { registerActions } from './commands/actions.ts';
import { registerCallbacks } from './commands/callbacks.ts';
import {
  registerCancel,
  registerPause,
  registerRepost,
  registerRestart,
  registerResume,
} from './commands/change-batch.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerDelete } from './commands/delete.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDev } from './commands/dev.ts';
import { registerDistribute } from './commands/distribute.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerErrors } from './commands/errors.ts';
import { registerInit } from './commands/init.ts';
import { registerKeys } from './commands/keys.ts';
import { registerList } from './commands/list.ts';
import { registerListen } from './commands/listen.ts';
import { registerNew } from './commands/new.ts';
import { registerResults } from './commands/results.ts';
import { registerSecrets } from './commands/secrets.ts';
import { registerStart } from './commands/start.ts';
import { registerStatus } from './commands/status.ts';
import { registerSubmit } from './commands/submit.ts';
import { registerTypes } from './commands/types.ts';
import { registerWatch } from './commands/watch.ts';
import type { Terminal } from './terminal.ts';

/**
 * A command: a file of `commands/` that exports one function of this type, which adds the command to the program, and
 * its line in `REGISTER`. It uses the streams and the environment of the terminal. What an action of it throws is
 * printed and becomes the exit code; see `exit.ts`. Modules that take time to load, such as pg, are imported within the
 * action: every call of the program loads all files of `commands/`.
 */
export type Register = (program: Command, terminal: Terminal) => void;

/** In the order of the help. */
const REGISTER: readonly Register[] = [
  registerStart,
  registerDev,
  registerDemo,
  registerInit,
  registerNew,
  registerTypes,
  registerSubmit,
  registerWatch,
  registerStatus,
  registerResults,
  registerErrors,
  registerList,
  registerCancel,
  registerPause,
  registerResume,
  registerRestart,
  registerRepost,
  registerDelete,
  registerActions,
  registerKeys,
  registerSecrets,
  registerCallbacks,
  registerListen,
  registerDoctor,
  registerDistribute,
  registerCompletion,
];

/** The whole command line. Parsing throws CommanderError for wrong arguments, and after the help. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('batchwright')
    .description('The batch endpoint that any API can have.')
    .version(VERSION)
    .helpCommand('help [command]', 'show the help of a command')
    .showHelpAfterError('(--help shows what is allowed)')
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'batchwright: ')),
    })
    .exitOverride();
  for (const register of REGISTER) register(program, terminal);
  return program;
}
