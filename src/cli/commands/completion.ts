import { Argument, type Command } from 'commander';
import { print } from '../standard-output.ts';
import { FILES, suggestions } from '../suggestions.ts';
import type { Terminal } from '../terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** The name that the scripts of tabtab call. */
const COMPLETER = 'completion-server';

export function registerCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print the script that completes this command: source <(npx batchwright completion bash)')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { default: tabtab } = await import('@pnpm/tabtab');
      const completer = [process.execPath, process.argv[1] ?? ''].map(quoted).join(' ');
      await print(terminal, await tabtab.getCompletionScript({ name: program.name(), completer, shell }));
    });
  program
    .command(COMPLETER, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(() => complete(program));
}

/** The script passes the line in the environment. */
async function complete(program: Command): Promise<void> {
  const { default: tabtab } = await import('@pnpm/tabtab');
  const { partial } = tabtab.parseEnv(process.env);
  const shell = tabtab.getShellFromEnv(process.env);
  const [, ...words] = partial.trimStart().split(/\s+/);
  const found = suggestions(program, words.slice(0, -1), words.at(-1) ?? '');
  // Without suggestions bash completes files by itself.
  if (found !== FILES) tabtab.log([...found], shell);
  else if (shell !== 'bash') tabtab.logFiles();
}

function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
