/**
 * npm packs the package.json that it finds. While it does, that file is the package's; before and afterwards it is the
 * clone's. A copy is kept until then, and a process of its own brings it back when npm is ended in between.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, rename, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** The clone's package.json while npm packs; the copy's name is npm's process id. */
const copiesIn = (root: string) => join(root, '.packing');

/**
 * Makes `text` the package.json of `root`, until `restore` or the end of npm. Throws when another npm packs there.
 *
 * @param npmPid the process id of npm
 */
export async function swap(root: string, text: string, npmPid: number): Promise<void> {
  await mkdir(copiesIn(root), { recursive: true });
  await copyFile(join(root, 'package.json'), join(copiesIn(root), `${npmPid}.json`));
  await startGuard(root, npmPid);
  const draft = join(copiesIn(root), `${npmPid}.draft`);
  await writeFile(draft, text);
  await rename(draft, join(root, 'package.json'));
}

/** Brings the clone's package.json back, also after a system that stopped. Throws when another npm packs there. */
export async function restore(root: string, npmPid: number): Promise<void> {
  for (const name of await readdir(copiesIn(root)).catch(() => [])) {
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    if (pid !== npmPid && isAlive(pid))
      throw new Error(`another npm (pid ${pid}) packs in ${root}: wait for it`);
    await rename(join(copiesIn(root), name), join(root, 'package.json'));
  }
  await rmdir(copiesIn(root)).catch(() => {});
}

async function startGuard(root: string, npmPid: number): Promise<void> {
  // Ctrl-C is for the group of npm's processes, which the guard must outlive.
  const guard = fork(import.meta.filename, [root, String(npmPid)], { detached: true, stdio: 'ignore' });
  await once(guard, 'message');
  guard.disconnect();
  guard.unref();
}

async function guard(root: string, npmPid: number): Promise<void> {
  process.send?.('ready');
  while (isAlive(npmPid)) await delay(POLL_MS);
  await restore(root, npmPid);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

if (import.meta.main) {
  const [root = '', npmPid] = process.argv.slice(2);
  await guard(root, Number(npmPid));
}
