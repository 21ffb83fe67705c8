/** Data of the kernel about processes; only on Linux. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export const HAS_PROC = process.platform === 'linux';

/** The Node processes among `pid` and its descendants, itself first. */
export function nodeProcesses(pid: number): number[] {
  const own = isNode(pid) ? [pid] : [];
  return [...own, ...children(pid).flatMap(nodeProcesses)];
}

function children(pid: number): number[] {
  const tasks = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const texts = tasks.map((task) =>
    attempt(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')),
  );
  return texts.flatMap((text) => (text ?? '').split(' ').filter(Boolean).map(Number));
}

function isNode(pid: number): boolean {
  return basename(attempt(() => readlinkSync(`/proc/${pid}/exe`)) ?? '') === 'node';
}

/** Its command line; empty when it has ended. */
export function argumentsOf(pid: number): string[] {
  const text = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  return text.split('\0').filter(Boolean);
}

/** Resident memory of these processes together, in MB; a process that has ended counts as zero. */
export function residentMegabytes(pids: readonly number[]): number {
  const kibibytes = pids.map((pid) => {
    const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '';
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  });
  return (kibibytes.reduce((sum, value) => sum + value, 0) * 1024) / 1e6;
}

/** Ticks of the kernel's clock in a second, the same on every usual Linux. */
const TICKS = 100;

/** Processor time that these processes have used so far, in seconds. */
export function processorSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '';
    // The name in parentheses may contain spaces; utime and stime are the 12th and 13th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS;
}

/** A process may end while it is read. */
function attempt<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}

const SAMPLE_MS = 20;

export interface MemoryWatch {
  /** The highest resident memory above the initial value, in MB. */
  stop(): number;
}

/** Watches the resident memory of processes that are currently idle. */
export function watchMemory(pids: readonly number[]): MemoryWatch {
  const idle = residentMegabytes(pids);
  let most = idle;
  const sample = () => {
    most = Math.max(most, residentMegabytes(pids));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return most - idle;
    },
  };
}
