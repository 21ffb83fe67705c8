import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readlink, realpath, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Log } from '../../src/domain/log.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/embedded.ts';
import { stopOrphan } from '../../src/embedded/orphan.ts';
import { databaseFolder } from '../support/database-folder.ts';
import { silentLog } from '../support/silent-log.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * A data directory for tests; when the test ends, it is removed and all processes started on it are ended.
 */
interface DataDir {
  path: string;
  /** Starts the embedded database in this process. */
  start(log?: Log, giveUpMs?: number): Promise<EmbeddedPostgres>;
  /** Starts it in another process; resolves when it is ready or has failed. */
  startProcess(options?: SpawnOptions): Promise<{ child: ChildProcess; url?: string; error?: string }>;
  /** Ends everything that was started and leaves the data. */
  stopAll(): Promise<void>;
}

/** `below` is a path in a new folder that only its owner can enter; without it, that folder itself. */
export async function makeDataDir(
  t: { after(fn: () => Promise<void>): void },
  below = '.',
): Promise<DataDir> {
  const folder = await mkdtemp(join(await databaseFolder(), 'batchwright-data-'));
  const path = join(folder, below);
  const started: EmbeddedPostgres[] = [];
  const children: ChildProcess[] = [];
  const stopAll = async () => {
    await Promise.all(children.map(kill));
    await Promise.all(started.map(({ stop }) => stop()));
    const cluster = await realpath(join(path, 'postgres')).catch(() => undefined);
    if (cluster) await stopOrphan(cluster, silentLog);
  };
  t.after(async () => {
    await stopAll();
    await removeLinkedCluster(join(path, 'postgres'));
    await rm(folder, { recursive: true, force: true });
  });
  return {
    path,
    async start(log = silentLog, giveUpMs?: number) {
      const database = await startEmbeddedPostgres({ dataDir: path, log, ...(giveUpMs && { giveUpMs }) });
      started.push(database);
      return database;
    },
    async startProcess(options = {}) {
      const child = spawnMain(path, folder, options);
      children.push(child);
      const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
      return { child, ...JSON.parse(line) };
    },
    stopAll,
  };
}

/** Spawns a process that starts the database of the data directory and prints its url or error. */
export function spawnMain(dataDir: string, temporary: string, options: SpawnOptions = {}): ChildProcess {
  const script = join(import.meta.dirname, 'main-process.ts');
  return spawn(process.execPath, [script, dataDir], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, TMPDIR: temporary, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
}

/** Kills a process and resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** True when a process has the pid; a zombie does not count. */
export async function isRunning(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** The pid of the server that runs, or ran, on a data directory. */
export async function serverPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
}

async function removeLinkedCluster(link: string): Promise<void> {
  const target = await readlink(link).catch(() => undefined);
  if (target === undefined) return;
  const home = dirname(target);
  await rm(home, { recursive: true, force: true });
  // Succeeds only when it was made for this test.
  await rmdir(dirname(home)).catch(() => undefined);
}
