/** A program that starts again after each edit of its files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { watch } from 'chokidar';
import { counted } from '../../domain/counted.ts';

interface Watched {
  /** Folders with the files; they need not exist yet. */
  folders: readonly string[];
  /** The arguments of Node, and the environment; asked for before each start. */
  start(): { line: readonly string[]; env: NodeJS.ProcessEnv };
  /** Tells the user something. */
  say(sentence: string): void;
}

/** An editor, and above all git, changes several files in a row. */
const GATHER_MS = 100;
/** Those that a terminal, `kill` and a closed terminal send. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program with this Node, and after each edit drains it by SIGTERM and starts it again: there is one at a time.
 * When it ends by itself, the next edit starts it. Signals are passed on, and end both.
 *
 * @returns the exit code of the last run
 */
export async function runOnEdits({ folders, start, say }: Watched): Promise<number> {
  let child: ChildProcess | undefined;
  let ended: NodeJS.Signals | undefined;
  let edit = Promise.withResolvers<void>();
  let gathering: NodeJS.Timeout | undefined;
  const edited = new Set<string>();
  const watcher = watch([...folders], { ignoreInitial: true }).on('all', (_event, path) => {
    edited.add(path);
    clearTimeout(gathering);
    gathering = setTimeout(() => edit.resolve(), GATHER_MS);
  });
  watcher.on('error', (error) => say(`a folder is not watched: ${(error as Error).message}`));
  const end = (signal: NodeJS.Signals) => {
    ended = signal;
    child?.kill(signal);
    edit.resolve();
  };
  for (const signal of SIGNALS) process.on(signal, end);
  // An edit during the first start would not be seen before.
  await once(watcher, 'ready');

  let code = 0;
  while (ended === undefined) {
    clearTimeout(gathering);
    edit = Promise.withResolvers();
    const { line, env } = start();
    child = spawn(process.execPath, line, { stdio: 'inherit', env });
    const exit = once(child, 'exit').then(([status, signal]) => {
      child = undefined;
      code = status ?? 128 + constants.signals[signal as NodeJS.Signals];
    });
    const why = await Promise.race([edit.promise.then(() => 'edit'), exit.then(() => 'exit')]);
    if (why === 'exit' && ended === undefined) {
      say(`the server has ended with exit code ${code}; the next edit starts it again`);
      await edit.promise;
    }
    if (ended === undefined) say(`${namesOf(edited)} changed: the server starts again`);
    edited.clear();
    child?.kill('SIGTERM');
    await exit;
  }
  for (const signal of SIGNALS) process.off(signal, end);
  clearTimeout(gathering);
  await watcher.close();
  return code;
}

/** The first of them, and how many more there are. */
function namesOf(paths: ReadonlySet<string>): string {
  const [first = '', ...more] = paths;
  const name = relative('', first);
  return more.length === 0 ? `${name} has` : `${name} and ${counted(more.length, 'other')} have`;
}
