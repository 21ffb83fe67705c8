import { join } from 'node:path';
import type { Command } from 'commander';
import { wrongActionName, wrongNamespace } from '../../domain/action-name.ts';
import { UsageError } from '../exit.ts';
import { actionFiles } from '../project/action-files.ts';
import { isProject } from '../project/package-json.ts';
import { existing, namesIn, writeNew } from '../project/write-files.ts';
import { projectFolder, ROOT } from '../run-node.ts';
import type { Terminal } from '../terminal.ts';

export function registerNew(program: Command, terminal: Terminal): void {
  program
    .command('new')
    .description('write a new action to this folder: its schema, its job and its test')
    .argument('<action>', 'its name, such as demo.greet')
    .action((name: string) => newAction(terminal, name));
}

/** Throws UsageError for a wrong name, and for one that is taken. Never overwrites. */
async function newAction(terminal: Terminal, name: string): Promise<void> {
  const [namespace = '', action, ...more] = name.split('.');
  if (action === undefined || more.length > 0)
    throw new UsageError(`${name} is not the name of an action: it is namespace.action, such as demo.greet`);
  const wrong = wrongNamespace(namespace) ?? wrongActionName(action);
  if (wrong) throw new UsageError(wrong);
  const folder = process.cwd();
  refuseTaken(folder, namespace);
  const files = actionFiles(namespace, action);
  const [taken] = existing(folder, files);
  if (taken !== undefined) throw new UsageError(`${taken} exists already: nothing was written`);
  for (const file of files) await writeNew(folder, file);
  terminal.stderr.write(files.map(({ path }) => `created ${path}\n`).join(''));
  if (projectFolder() !== undefined && !isProject(folder))
    terminal.stderr.write(
      'This folder is no project yet, and nothing can run the action: npx batchwright init makes it one\n',
    );
}

/** The start would refuse a second namespace of this name, and two that differ only in case. */
function refuseTaken(folder: string, namespace: string): void {
  const included = projectFolder() === undefined ? [] : namesIn(join(ROOT, 'jobs'));
  const taken = [...included, ...namesIn(join(folder, 'jobs')).filter((name) => name !== namespace)].find(
    (name) => name.toLowerCase() === namespace.toLowerCase(),
  );
  if (taken === undefined) return;
  const where = included.includes(taken) ? 'is one of the included ones' : `exists already, as ${taken}`;
  throw new UsageError(`the namespace "${namespace}" ${where}: choose another name`);
}
