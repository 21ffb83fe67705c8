import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineAction } from '../../../../src/plugin/index.ts';
import type { Harm } from '../../schemas/chaos/harm.ts';

const HARMS: Record<Harm['how'], () => unknown> = {
  exit: () => process.exit(3),
  loop() {
    for (;;);
  },
  async memory() {
    const hoard: object[] = [];
    for (;;) {
      hoard.push(Array.from({ length: 100_000 }, (_, n) => ({ n })));
      await nextTurn();
    }
  },
};

export default defineAction<Harm>({
  summary: 'Ends, blocks or fills the process it runs in',
  run: ({ how }) => HARMS[how](),
});
