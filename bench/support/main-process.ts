/** `src/main.ts` in a separate process, started like `npm start`. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ProcessLog, readLog } from '../../src/demo/process-log.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** Node's own options of `npm start`. */
const NODE_FLAGS: string[] = scripts.start.match(/--\S+/g);
/** The folder of bench's own actions. */
export const PLUGIN_DIR = join(ROOT, 'bench');
/** It drains within 25 s. */
const KILL_MS = 30_000;

export interface MainProcess {
  pid: number;
  says: ProcessLog['says'];
  /** False when it has ended, for any reason. */
  isAlive(): boolean;
  /**
   * Sends the signal; resolves, when the process has ended, to its exit code, or null when a signal ended it.
   */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Drains it. */
  stop(): Promise<void>;
}

/**
 * @param options.imports further modules to load first, in it and in its workers
 * @param options.root another checkout of the product, with its dependencies; this one when absent
 * @param options.resolvConf a file that it and its workers see as /etc/resolv.conf; needs root
 */
export function startMain(options: {
  env: Record<string, string>;
  imports?: readonly string[];
  root?: string | undefined;
  resolvConf?: string | undefined;
}): MainProcess {
  const { root = ROOT } = options;
  const { PATH, HOME, TMPDIR, NODE_ENV } = process.env;
  const child = fork(join(root, 'src/main.ts'), [], {
    cwd: root,
    // Without the user's settings: their DATABASE_URL may point to a real system.
    env: {
      ...{ PATH, HOME, TMPDIR, NODE_ENV },
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'),
      PLUGIN_DIR: join(root, 'bench'),
      ...options.env,
    },
    ...throughUnshare(
      [...NODE_FLAGS, ...(options.imports ?? []).flatMap((module) => ['--import', module])],
      options.resolvConf,
    ),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log = readLog(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    pid: child.pid as number,
    says: log.says,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async end(signal) {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
    async stop() {
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
      await ended;
      clearTimeout(deadline);
    },
  };
}

/** With file systems of its own, of which one file is another. Each command replaces the one before: one process. */
function throughUnshare(
  flags: readonly string[],
  resolvConf: string | undefined,
): { execPath: string; execArgv: string[] } {
  if (resolvConf === undefined) return { execPath: process.execPath, execArgv: [...flags] };
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const execArgv = ['--mount', 'sh', '-c', script, resolvConf, process.execPath, ...flags];
  return { execPath: 'unshare', execArgv };
}
