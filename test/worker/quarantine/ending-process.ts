/** Ends in the way of its first argument, like a process that runs jobs. */
import { setTimeout as delay } from 'node:timers/promises';
import { reportUncaught } from '../../../src/worker/quarantine/child.ts';

const WAYS: Record<string, () => unknown> = {
  exit: () => process.exit(3),
  abort: () => process.abort(),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  throw() {
    reportUncaught();
    setTimeout(() => {
      throw new Error('oops "1"');
    });
    return delay(60_000);
  },
  throwNothing() {
    reportUncaught();
    setTimeout(() => {
      throw Object.create(null);
    });
    return delay(60_000);
  },
  heap() {
    const hoard: number[][] = [];
    for (;;) hoard.push(Array.from({ length: 100_000 }, (_, n) => n + 0.5));
  },
};

await WAYS[process.argv[2] ?? '']?.();
