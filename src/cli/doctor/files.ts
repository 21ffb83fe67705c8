/** The data directory: access, free space, and what earlier processes left. */
import { constants } from 'node:fs';
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findServer, serverFile } from '../../config/local-server.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const GIB = 2 ** 30;
/** Postgres stops when the disk is full. */
const LEAST_FREE_BYTES = GIB;

export async function* checkFiles(dataDir: string): AsyncGenerator<Finding> {
  const place = await stat(dataDir).catch(() => null);
  if (place === null) {
    yield note('data directory', `${dataDir} is not there yet: the first start makes it`);
    yield await checkSpace(await nearestFolder(dataDir));
    return;
  }
  yield await checkAccess(dataDir);
  yield await checkSpace(dataDir);
  yield await checkLeftovers(dataDir);
}

async function checkAccess(dataDir: string): Promise<Finding> {
  try {
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok('data directory', dataDir);
  } catch {
    return wrong(
      'data directory',
      `${dataDir} cannot be read and written by this user: use its owner, or set another DATA_DIR`,
    );
  }
}

async function checkSpace(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const text = `${(free / GIB).toFixed(1)} GiB are free at ${folder}`;
  if (free >= LEAST_FREE_BYTES) return ok('disk', text);
  return wrong('disk', `${text}: make room, since Postgres stops when the disk is full`);
}

async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || path === dirname(path) ? path : nearestFolder(dirname(path));
}

/** Files of processes that were killed. The next start replaces or ignores each of them. */
async function checkLeftovers(dataDir: string): Promise<Finding> {
  const names = await readdir(dataDir).catch((): string[] => []);
  const left = names.filter((name) => name.startsWith('server.json.'));
  const record = serverFile(dataDir);
  if (names.includes('server.json') && !(await findServer(dataDir))) left.push('server.json');
  if (names.includes('batchwright.pid') && !(await isRunning(join(dataDir, 'batchwright.pid'))))
    left.push('batchwright.pid');
  if (left.length === 0) return ok('stale files', 'none');
  return note(
    'stale files',
    `${left.join(', ')} in ${dirname(record)}: a server was killed there; the next start puts it right`,
  );
}

async function isRunning(pidFile: string): Promise<boolean> {
  try {
    process.kill(Number(await readFile(pidFile, 'utf8')), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
