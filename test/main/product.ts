/** The product as users run it: `npm start` in its own process group, with folders of the test. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { stopOrphan } from '../../src/embedded/orphan.ts';
import { databaseFolder } from '../support/database-folder.ts';
import type { Json } from '../support/json.ts';
import { silentLog } from '../support/silent-log.ts';
import type { Answer } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
const PLUGIN_DIR = join(ROOT, 'test/plugins');
/** A user without special rights. */
export const NOBODY = { uid: 65534, gid: 65534 };

/** The log line that announces readiness. */
export const READY = /^\{.*"msg":"Batchwright is ready at .*$/m;

type Environment = Record<string, string>;

/**
 * A new folder for DATA_DIR and everything else that a start may write; it and its processes are removed at
 * the end.
 */
export interface Home {
  folder: string;
  dataDir: string;
  /**
   * @param project the folder of the project; the one under test when absent
   * @param script of npm; `start` when absent
   */
  start(env?: Environment, project?: string, script?: string): Product;
  /**
   * Runs the command of npm's script `start` without npm, whose own start takes a third of a second of processor time.
   */
  startWithoutNpm(env?: Environment): Product;
  /** Processes that still run on the folder or in the process group of a start. */
  processes(): Promise<string[]>;
}

export interface Product {
  /** All output so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves to the match when stdout contains it; rejects when the product ends without it. */
  says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /**
   * The address it listens on, when it is ready, after the last restart;
   * @param key the admin key, when the data directory has none
   */
  ready(key?: string): Promise<Site>;
  /** JSON log lines, as text and parsed. */
  logged(): { line: string; msg: string; pid: number }[];
  /** Sends a signal to every process of the group, like Ctrl-C. */
  signalAll(signal: NodeJS.Signals): void;
  /** npm's own process, if npm started it. */
  npm: ChildProcess;
  /** Resolves when all processes that write to its output are gone. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A running API as its callers see it. */
export interface Site {
  url: string;
  key: string;
  rpc(action: string, body: object): Promise<Answer>;
  run(jobs: object[]): Promise<string>;
  post(path: string): Promise<Answer>;
  /** The results, when the batch has ended. */
  results(asyncId: string, timeoutMs?: number): Promise<Json[]>;
}

/** @param owner the user who owns the home and starts the product there; the test's own when absent */
export async function makeHome(
  t: { after(fn: () => Promise<void>): void },
  owner?: { uid: number; gid: number },
): Promise<Home> {
  const folder = await mkdtemp(join(await databaseFolder(), 'batchwright-main-'));
  await chmod(folder, 0o711);
  if (owner) await chown(folder, owner.uid, owner.gid);
  const dataDir = join(folder, 'data');
  const started: Product[] = [];
  function start(cwd: string, command: string[], env: Environment): Product {
    const own = { ...bareEnvironment(folder), DATA_DIR: dataDir };
    const product = startProduct(cwd, command, { ...own, ...env }, owner);
    started.push(product);
    return product;
  }
  t.after(async () => {
    for (const product of started) product.signalAll('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    const cluster = await realpath(join(dataDir, 'postgres')).catch(() => undefined);
    if (cluster) await stopOrphan(cluster, silentLog);
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    dataDir,
    start: (env = {}, project = ROOT, script = 'start') => start(project, ['npm', 'run', script], env),
    startWithoutNpm(env = {}) {
      const PATH = [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
      return start(ROOT, ['sh', '-c', packageJson.scripts.start], { PATH, ...env });
    },
    async processes() {
      const groups = started.map(({ npm }) => String(npm.pid));
      const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,pgid=,state=,args=']);
      return stdout.split('\n').filter((line) => {
        const [, pgid = '', state = ''] = line.trim().split(/\s+/);
        return state !== '' && !state.startsWith('Z') && (groups.includes(pgid) || line.includes(dataDir));
      });
    },
  };
}

/** The environment of a shell without settings: the test's own variables, npm's above all, stay out. */
export function bareEnvironment(folder: string): Environment {
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  return {
    PATH: path.join(delimiter),
    HOME: folder,
    npm_config_cache: join(folder, 'npm'),
    npm_config_update_notifier: 'false',
    PORT: '0',
    PLUGIN_DIR,
  };
}

function startProduct(
  cwd: string,
  [command = '', ...args]: string[],
  env: Environment,
  owner: { uid: number; gid: number } | undefined,
): Product {
  const npm = spawn(command, args, {
    ...owner,
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  npm.stdout.on('data', (text: Buffer) => {
    stdout += text;
  });
  npm.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  let ended = false;
  const exited = once(npm, 'close').then(([code, signal]) => {
    ended = true;
    return { code, signal };
  });
  const says: Product['says'] = (pattern, timeoutMs = 60_000) =>
    waitFor(
      async () => {
        const found = pattern.exec(stdout);
        if (!found && ended) throw new Error(`It ended without ${pattern}: ${stdout}${stderr}`);
        return found;
      },
      { what: `${pattern} in ${stdout}${stderr}`, timeoutMs },
    );
  return {
    npm,
    exited,
    says,
    stdout: () => stdout,
    stderr: () => stderr,
    async ready(key) {
      await says(READY);
      // Of several starts the last one.
      const [line = ''] = [...stdout.matchAll(new RegExp(READY, 'gm'))].at(-1) ?? [];
      const { url, adminKeyFile } = JSON.parse(line);
      return siteAt(url, key ?? (await readKey(adminKeyFile)));
    },
    logged: () =>
      stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => ({ line, ...JSON.parse(line) })),
    signalAll(signal) {
      try {
        process.kill(-(npm.pid as number), signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
  };
}

function siteAt(url: string, key: string): Site {
  const post = async (path: string, body?: object): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const rpc: Site['rpc'] = (action, body) => post(`/batch?action=${action}`, body);
  return {
    url,
    key,
    post,
    rpc,
    async run(jobs) {
      const { status, body } = await rpc('run', { jobs });
      if (status !== 200) throw new Error(`run answered ${status}: ${JSON.stringify(body)}`);
      return body.asyncId;
    },
    results: (asyncId, timeoutMs = 30_000) =>
      waitFor(
        async () => {
          const { status, body } = await rpc('results', { async: asyncId });
          return status === 200 && body.results;
        },
        { what: `the results of ${asyncId}`, timeoutMs },
      ),
  };
}

/** The key in a data directory. */
export function keptKey(dataDir: string): Promise<string> {
  return readKey(join(dataDir, 'admin-key'));
}

async function readKey(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim();
}

/** Jobs of `boot.hold`, which run until `release` makes a file; `started` returns the index of every run. */
export function holdJobs(
  folder: string,
  count: number,
): { jobs: object[]; started(): Promise<number[]>; until: string } {
  const files = { started: join(folder, 'started'), until: join(folder, 'until') };
  return {
    jobs: Array.from({ length: count }, () => ({ namespace: 'boot', action: 'hold', params: files })),
    until: files.until,
    started: async () =>
      (await readFile(files.started, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number),
  };
}
