import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { makeFolder } from '../../embedded/make-folder.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';
import { actionFiles } from '../project/action-files.ts';
import { completedPackageJson, keptMembers, SCRIPTS } from '../project/package-json.ts';
import { asJson, projectFiles } from '../project/project-files.ts';
import { writeNew } from '../project/write-files.ts';
import { ROOT } from '../run-node.ts';
import type { Terminal } from '../terminal.ts';

/** npx finds what the packages bring; a script needs none. */
const NPX = { test: npx(SCRIPTS.test), start: npx(SCRIPTS.start) };
const FIRST = { namespace: 'hello', action: 'greet' };

export function registerInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .description('make a project for actions of your own, with a first one; files that exist are kept')
    .argument('[folder]', 'where; this folder when absent', '.')
    .option('--no-install', 'do not run npm install')
    .action((folder: string, options: { install: boolean }) => init(terminal, folder, options));
}

/** Throws UsageError for a folder that cannot be a project. */
async function init(terminal: Terminal, given: string, { install }: { install: boolean }): Promise<void> {
  const folder = await openFolder(given);
  const packageJson = completedPackageJson(folder);
  const { namespace, action } = FIRST;
  const name = `${namespace}.${action}`;
  // A project that has actions needs no first one.
  const first = existsSync(join(folder, 'jobs')) ? [] : actionFiles(namespace, action);
  report(terminal, await writePackageJson(folder, asJson(packageJson)), 'package.json');
  for (const file of [...projectFiles(packageJson.name ?? basename(folder), name), ...first])
    report(terminal, (await writeNew(folder, file)) ? 'created' : 'kept', file.path);
  if (install) await npmInstall(folder);
  reportNext(terminal, folder, { packageJson, install });
}

/** What to run now. Scripts of the project's own do something else, so that their commands are written out. */
function reportNext(
  { stderr }: Terminal,
  folder: string,
  { packageJson, install }: { packageJson: ReturnType<typeof completedPackageJson>; install: boolean },
): void {
  const kept = keptMembers(packageJson);
  if (kept.scripts.length > 0) stderr.write(`kept your own scripts ${kept.scripts.join(', ')}\n`);
  if (kept.schemas !== undefined)
    stderr.write(
      `kept your own import #schemas/*, which is ${kept.schemas}: jobs import '#schemas/namespace/action.ts', which must lead to schemas/\n`,
    );
  const command = (name: 'test' | 'start') => (kept.scripts.includes(name) ? NPX[name] : `npm ${name}`);
  const there = relative(process.cwd(), folder);
  const enter = there === '' ? '' : `cd ${there} && `;
  const commands = [...(install ? [] : ['npm install']), command('test'), command('start')];
  stderr.write(`\nNext: ${enter}${commands.join(' && ')}\n`);
}

/** What was done with the file. */
async function writePackageJson(folder: string, text: string): Promise<'created' | 'completed' | 'kept'> {
  const file = join(folder, 'package.json');
  const before = existsSync(file) ? await readFile(file, 'utf8') : undefined;
  if (before === text) return 'kept';
  await writeFile(file, text);
  return before === undefined ? 'created' : 'completed';
}

async function openFolder(given: string): Promise<string> {
  if (statSync(given, { throwIfNoEntry: false })?.isFile())
    throw new UsageError(`${given} is a file: init needs a folder`);
  const wanted = resolve(given);
  await makeFolder(wanted).catch((error) => {
    throw new CommandError(EXIT.error, `${given} cannot be made: ${error.message}`, { cause: error });
  });
  const folder = await realpath(wanted);
  if (folder === (await realpath(ROOT)))
    throw new UsageError("this is Batchwright's own folder: name another one, such as ../my-actions");
  return folder;
}

async function npmInstall(cwd: string): Promise<void> {
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund'];
  // Its output is not data.
  const npm = spawn('npm', args, { cwd, stdio: ['ignore', process.stderr, process.stderr] });
  const [code] = await Promise.race([once(npm, 'exit'), once(npm, 'error').then(() => [null])]);
  if (code !== 0)
    throw new CommandError(EXIT.error, `npm install has failed in ${cwd}: the files are there, run it again`);
}

function report({ stderr }: Terminal, what: string, path: string): void {
  stderr.write(`${what} ${path}\n`);
}

function npx(script: string): string {
  return script.replace(/^exec /, 'npx ');
}
