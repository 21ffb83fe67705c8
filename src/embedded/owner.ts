import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The user that the database server runs as; undefined means the user of this process. */
export type Owner = { uid: number; gid: number } | undefined;

const NOBODY = { uid: 65534, gid: 65534 };

/**
 * Postgres refuses to run as root: then it runs as the owner of the cluster, and on the first start as
 * `nobody`. Throws when the cluster belongs to another user and we are not root.
 */
export async function findOwner(cluster: string): Promise<Owner> {
  const owner = await stat(cluster).catch(() => undefined);
  const uid = process.getuid?.();
  if (uid === 0) return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : nobody();
  if (uid !== undefined && owner && owner.uid !== uid) {
    throw new Error(
      `${cluster} belongs to uid ${owner.uid} and cannot be used by uid ${uid}; set another DATA_DIR`,
    );
  }
  return undefined;
}

/** True when the owner can reach and read a file or folder; access control lists are ignored. */
export async function canReach(path: string, owner: Owner): Promise<boolean> {
  if (owner === undefined) return true;
  return (await allows(path, owner, 0o5)) && (await canEnter(dirname(path), owner));
}

/** True when the owner can enter a folder, which means passing it and all folders above it. */
export async function canEnter(folder: string, owner: Owner): Promise<boolean> {
  if (owner === undefined) return true;
  if (!(await allows(folder, owner, 0o1))) return false;
  return folder === dirname(folder) || canEnter(dirname(folder), owner);
}

/** `bits` are those of one permission digit: 4 read, 2 write, 1 execute or enter. */
async function allows(path: string, owner: NonNullable<Owner>, bits: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const digit = uid === owner.uid ? mode >> 6 : gid === owner.gid ? mode >> 3 : mode;
  return (digit & bits) === bits;
}

async function nobody(): Promise<NonNullable<Owner>> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(users) ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : NOBODY;
}
