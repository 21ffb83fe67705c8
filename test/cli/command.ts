/** The command line as users run it: a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bareEnvironment, ROOT } from '../main/product.ts';

export interface Outcome {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Variables beside those of a shell without settings. */
  env?: Record<string, string>;
  cwd?: string;
  /** Standard input; empty when absent. */
  input?: string | AsyncIterable<string>;
  /** Options of node. */
  nodeOptions?: readonly string[];
}

const MAIN = join(ROOT, 'src/cli/main.ts');
/** As for npm start: without it, compiling takes half of the time of a command. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/node');
/** A data directory without a server: a developer's own one must not be found. */
const NO_DATA = join(tmpdir(), 'batchwright-no-data');

export function startCommand(
  args: readonly string[],
  { env = {}, cwd = ROOT, nodeOptions = [] }: CommandOptions = {},
): ChildProcessWithoutNullStreams {
  const { PORT, PLUGIN_DIR, ...shell } = bareEnvironment(tmpdir());
  return spawn(process.execPath, [...nodeOptions, MAIN, ...args], {
    cwd,
    env: { ...shell, DATA_DIR: NO_DATA, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
  });
}

export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const child = startCommand(args, options);
  return outcomeOf(child, options.input);
}

/** All output of a command, when it has ended. */
export async function outcomeOf(
  child: ChildProcessWithoutNullStreams,
  input: CommandOptions['input'] = '',
): Promise<Outcome> {
  const outcome = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      outcome[name] += text;
    });
  const ended = once(child, 'close');
  child.stdin.on('error', () => {}); // a command that ends early does not read its input
  for await (const text of typeof input === 'string' ? [input] : input)
    if (!child.stdin.write(text)) await Promise.race([once(child.stdin, 'drain'), ended]);
  child.stdin.end();
  const [code, signal] = await ended;
  return { code, signal, ...outcome };
}
