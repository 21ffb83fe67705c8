/** A process under a watchdog, with production's limit or a given one, that does what its argument says. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startWatchdog } from '../../../src/worker/quarantine/watchdog.ts';

const DEEDS: Record<string, () => unknown> = {
  block: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  loop: () => {
    for (;;);
  },
  /** Longer than the limit, after the watch has ended. */
  async unwatched() {
    await endWatch();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(blockedSeconds) * 2000);
  },
  async hoard() {
    const hoard: Buffer[] = [];
    for (;;) {
      hoard.push(Buffer.alloc(64 * 1024 ** 2, 1));
      await nextTurn();
    }
  },
};

const [deed = '', blockedSeconds, memoryMiB] = process.argv.slice(2);
const endWatch = startWatchdog(
  blockedSeconds ? { blockedSeconds: Number(blockedSeconds), rssBytes: Infinity } : undefined,
  memoryMiB ? Number(memoryMiB) * 2 ** 20 : undefined,
);
await DEEDS[deed]?.();
