import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineAction } from '../../../../src/plugin/index.ts';
import type { Harm } from '../../schemas/chaos/harm.ts';

/** The size of each allocation. */
const MEBIBYTES = 64;

const HARMS: Record<Harm['how'], () => unknown> = {
  exit: () => process.exit(3),
  loop() {
    for (;;);
  },
  async memory() {
    const hoard: Buffer[] = [];
    for (;;) {
      hoard.push(Buffer.alloc(MEBIBYTES * 2 ** 20, 1));
      await nextTurn();
    }
  },
};

export default defineAction<Harm>({
  summary: 'Ends, blocks or fills the process it runs in',
  // A loop takes three times this, plus the time until it is quarantined.
  timeoutSeconds: 5,
  run: ({ how }) => HARMS[how](),
});
