import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ownModule } from '../../domain/own-module.ts';
import { projectFolder, runNode, startEnvironment } from '../run-node.ts';

export function registerDev(program: Command): void {
  program.command('dev').description('start, and start again on a change in jobs/ or schemas/').action(dev);
}

async function dev(): Promise<void> {
  const env = startEnvironment();
  const flags = watchedFolders(env.PLUGIN_DIR).map((folder) => `--watch-path=${folder}`);
  await runNode(flags, ownModule('../../main', import.meta.url), [], env);
}

/** Node refuses to watch a folder that does not exist. */
function watchedFolders(pluginDir: string | undefined): string[] {
  const own = projectFolder() === undefined ? ['src', 'jobs', 'schemas'] : [];
  const ofPlugins = pluginDir ? ['jobs', 'schemas'].map((name) => join(pluginDir, name)) : [];
  return [...own, ...ofPlugins].filter((folder) => existsSync(folder));
}
