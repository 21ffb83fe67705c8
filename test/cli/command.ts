/** The command line: in the test's own process, and as users run it, as a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { runCommandLine } from '../../src/cli/run-command-line.ts';
import { bareEnvironment, ROOT } from '../main/product.ts';

export interface Outcome {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Variables beside those of a shell without settings. */
  env?: Record<string, string>;
  /** Standard input; empty when absent. */
  input?: string | AsyncIterable<string>;
}

const MAIN = join(ROOT, 'src/cli/main.ts');
/** As for npm start: without it, compiling takes half of the time of a command. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/node');
/** A data directory without a server: a developer's own one must not be found. */
const NO_DATA = join(tmpdir(), 'batchwright-no-data');

/** Runs a command in this process: a process of its own takes ten times as long. */
export function runCommand(args: readonly string[], options?: CommandOptions): Promise<Outcome> {
  return beginCommand(args, options).outcome;
}

/** Begins a command in this process. The test may read its standard error while it runs. */
export function beginCommand(
  args: readonly string[],
  { env, input = '' }: CommandOptions = {},
): { stderr: Readable; outcome: Promise<Outcome> } {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const texts = textsOf(streams);
  const stdin = Readable.from(input, { objectMode: false });
  const ended = runCommandLine(args, { ...streams, stdin, env: environment(env) });
  const outcome = ended.then(async (code) => {
    for (const stream of Object.values(streams)) stream.end();
    await Promise.all(Object.values(streams).map((stream) => finished(stream)));
    return { code, ...texts };
  });
  return { stderr: streams.stderr, outcome };
}

/** Starts a command as a process of its own, for signals and pipes. */
export function startCommand(
  args: readonly string[],
  { env, nodeOptions = [] }: Pick<CommandOptions, 'env'> & { nodeOptions?: readonly string[] } = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...nodeOptions, MAIN, ...args], {
    cwd: ROOT,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...environment(env) },
  });
}

/** All output of a process, when it has ended. */
export async function outcomeOf(
  child: ChildProcessWithoutNullStreams,
  input: CommandOptions['input'] = '',
): Promise<Outcome> {
  const texts = textsOf(child);
  const ended = once(child, 'close');
  child.stdin.on('error', () => {}); // a command that ends early does not read its input
  for await (const text of typeof input === 'string' ? [input] : input)
    if (!child.stdin.write(text)) await Promise.race([once(child.stdin, 'drain'), ended]);
  child.stdin.end();
  const [code] = await ended;
  return { code, ...texts };
}

function environment(more: CommandOptions['env']): Record<string, string> {
  const { PORT, PLUGIN_DIR, ...shell } = bareEnvironment(tmpdir());
  return { ...shell, DATA_DIR: NO_DATA, ...more };
}

/** What the streams have written; it grows. */
function textsOf(streams: { stdout: Readable; stderr: Readable }): { stdout: string; stderr: string } {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    streams[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  return texts;
}
