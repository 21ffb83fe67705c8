import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdtemp,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import { promisify } from 'node:util';
import type { Log } from '../domain/log.ts';
import { findOrGenerate } from '../domain/secret-file.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { openFolder } from './open-folder.ts';
import { canEnter, findOwner, type Owner } from './owner.ts';

/** The database's superuser; the database has the same name. */
export const USER = 'batchwright';

/** An initialised Postgres data directory, with everything needed to run a server on it. */
export interface Cluster {
  /** Real path of the data directory. */
  directory: string;
  owner: Owner;
  binaries: Binaries;
  password: string;
  /** File that the server's messages are appended to. */
  logFile: string;
}

/**
 * Finds the cluster of a data directory (a real path, locked by us) or initialises one. Throws with initdb's
 * message when that fails; removes what an interrupted initialisation left.
 */
export async function openCluster(dataDir: string, log: Log): Promise<Cluster> {
  const owner = await findOwner(join(dataDir, 'postgres'));
  const binaries = await findBinaries(owner);
  const home = await findHome(dataDir, owner, log);
  const cluster = {
    directory: join(home, 'postgres'),
    owner,
    binaries,
    password: await keptPassword(join(dataDir, 'postgres-password')),
    logFile: join(dataDir, 'postgres.log'),
  };
  if (!(await exists(cluster.directory))) await initialise(cluster);
  return cluster;
}

/** The environment of every Postgres program: without our secrets, and with English messages. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TZ, SystemRoot } = process.env;
  return { LC_ALL: 'C', ...(PATH && { PATH }), ...(TZ && { TZ }), ...(SystemRoot && { SystemRoot }) };
}

/** The folder that holds the cluster: the data directory, unless a folder above it is closed to the owner. */
async function findHome(dataDir: string, owner: Owner, log: Log): Promise<string> {
  const link = join(dataDir, 'postgres');
  const found = await lstat(link).catch(() => undefined);
  if (found?.isSymbolicLink()) return linkedHome(link);
  if (owner && !found && !(await canEnter(dirname(dataDir), owner))) return newHome(link, owner, log);
  // The files with secrets in it are readable only for their owner.
  if (owner && !(await canEnter(dataDir, owner))) await chmod(dataDir, (await stat(dataDir)).mode | 0o001);
  return dataDir;
}

async function linkedHome(link: string): Promise<string> {
  const target = await readlink(link);
  try {
    return await realpath(dirname(target));
  } catch (cause) {
    const advice = 'remove the link to begin with an empty database';
    throw new Error(`${link} points to ${target}, which is gone; ${advice}`, { cause });
  }
}

/** Linked while it is empty, so that the next start after an interruption finds the same folder. */
async function newHome(link: string, owner: Owner, log: Log): Promise<string> {
  const home = await mkdtemp(join(await openFolder(owner), 'data-'));
  await chmod(home, 0o711);
  await symlink(join(home, 'postgres'), link);
  log.info(
    { home },
    'A folder above DATA_DIR is closed to the database server; its files are kept elsewhere',
  );
  return home;
}

async function keptPassword(file: string): Promise<string> {
  const generate = () => randomBytes(24).toString('base64url');
  return (await findOrGenerate(file, (text) => text !== '', generate)).secret;
}

/** With retries: an initdb whose parent was killed writes for a moment longer. */
const REMOVE_ALL = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };

/** Works in a temporary folder and renames it, so that a cluster is either complete or absent. */
async function initialise(cluster: Cluster): Promise<void> {
  const home = dirname(cluster.directory);
  for (const name of await readdir(home)) {
    if (name.startsWith('postgres-init-')) await rm(join(home, name), REMOVE_ALL);
  }
  const work = await mkdtemp(join(home, 'postgres-init-'));
  try {
    await give(work, cluster.owner);
    await runInitdb(cluster, work);
    await rename(join(work, 'cluster'), cluster.directory);
  } finally {
    await rm(work, REMOVE_ALL);
  }
}

async function runInitdb({ binaries, owner, password }: Cluster, work: string): Promise<void> {
  const passwordFile = join(work, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await give(passwordFile, owner);
  const args = [
    `--pgdata=${join(work, 'cluster')}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Enough for an API and four workers at their maximum.
    '--set=max_connections=200',
    // The server's own locale sorts the same on every system.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  const options = { ...owner, env: programEnvironment(), cwd: parse(work).root };
  try {
    await promisify(execFile)(binaries.initdb, args, options);
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new Error(`The embedded database could not be initialised: ${stderr?.trim() || message}`, {
      cause,
    });
  }
}

async function give(path: string, owner: Owner): Promise<void> {
  if (owner) await chown(path, owner.uid, owner.gid);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
