import { readFileSync } from 'node:fs';

/** Of /proc/<pid>/stat: USER_HZ is 100 on every Linux. */
const CLOCK_TICK_MS = 10;

/** The processor time that a process has used so far, in ms; exact to 10 ms; 0 when it has ended. Linux only. */
export function processorMs(pid: number): number {
  const stat = statOf(pid);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * CLOCK_TICK_MS;
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
