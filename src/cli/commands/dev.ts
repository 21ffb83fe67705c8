import { join } from 'node:path';
import type { Command } from 'commander';
import { NODE_FLAGS } from '../../config/node-flags.ts';
import { ownModule } from '../../domain/own-module.ts';
import { nodeLine, projectFolder, ROOT, startEnvironment } from '../run-node.ts';
import type { Terminal } from '../terminal.ts';

export function registerDev(program: Command, terminal: Terminal): void {
  program
    .command('dev')
    .description('start, and start again on a change in jobs/ or schemas/')
    .action(() => dev(terminal));
}

/** Ends the process, with the exit code of the server. */
async function dev({ stderr }: Terminal): Promise<never> {
  const { runOnEdits } = await import('../dev/run-on-edits.ts');
  const code = await runOnEdits({
    folders: watchedFolders(),
    start: () => ({
      line: nodeLine(NODE_FLAGS, ownModule('../../main', import.meta.url)),
      env: startEnvironment(),
    }),
    say: (sentence) => stderr.write(`batchwright: ${sentence}\n`),
  });
  process.exit(code);
}

/** The project's, or those of Batchwright's own folder. */
function watchedFolders(): string[] {
  const project = projectFolder();
  const own = project === undefined ? ['src', 'jobs', 'schemas'].map((name) => join(ROOT, name)) : [];
  const pluginDir = process.env.PLUGIN_DIR || project;
  return [...own, ...(pluginDir ? ['jobs', 'schemas'].map((name) => join(pluginDir, name)) : [])];
}
