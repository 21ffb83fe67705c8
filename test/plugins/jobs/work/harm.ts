import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineAction } from 'batchwright/plugin';
import type { Harm } from '../../schemas/work/harm.ts';

const HARMS: Record<Harm['how'], () => unknown> = {
  exit: () => process.exit(3),
  // An endless loop would have the same effect, and take a processor from the other tests.
  block: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  async memory() {
    const hoard: Buffer[] = [];
    for (;;) {
      hoard.push(Buffer.alloc(64 * 1024 * 1024, 1));
      await nextTurn();
    }
  },
  throw: () => new Promise(() => setTimeout(() => throwOops())),
};

function throwOops(): never {
  throw new Error('oops');
}

export default defineAction<Harm>({
  summary: 'Takes its process along',
  run: ({ how }) => HARMS[how](),
});
