import { readFileSync } from 'node:fs';

/** Of /proc/<pid>/stat: USER_HZ is 100 on every Linux. */
const CLOCK_TICK_MS = 10;

/** The processor time that a process has used so far, in ms; exact to 10 ms. Linux only. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}
