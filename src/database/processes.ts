import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * Tells a process from a later one that got the same pid. Undefined when no process has the pid; a zombie,
 * which a parent that reaps nobody leaves behind, counts as none.
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return linuxIdentity(pid);
  if (process.platform === 'win32') return isPid(pid) ? 'unknown' : undefined;
  const [state, ...started] = (await ps(pid, 'state', 'lstart')).split(/\s+/);
  return state && !state.startsWith('Z') ? started.join(' ') : undefined;
}

/** The command line of a process, arguments parted by spaces; empty when unknown. */
export async function processCommand(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await procFile(pid, 'cmdline')).replaceAll('\0', ' ');
  return process.platform === 'win32' ? '' : ps(pid, 'command');
}

/** Resolves to true once no process has the pid any more, to false when it still lives at the deadline. */
export async function processEnded(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while ((await processIdentity(pid)) !== undefined) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

async function linuxIdentity(pid: number): Promise<string | undefined> {
  const stat = await procFile(pid, 'stat');
  // The command, in parentheses, may itself hold spaces and parentheses: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startedAtTick] = [fields[0], fields[19]];
  if (!state || state === 'Z' || state === 'X') return undefined;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()}/${startedAtTick}`;
}

async function procFile(pid: number, name: string): Promise<string> {
  return readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
}

async function ps(pid: number, ...fields: string[]): Promise<string> {
  const args = ['-ww', '-p', String(pid), ...fields.flatMap((field) => ['-o', `${field}=`])];
  const env = { ...process.env, LC_ALL: 'C' };
  return promisify(execFile)('ps', args, { env }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

function isPid(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
