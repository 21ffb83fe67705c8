import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineAction } from 'batchwright/plugin';

let running = 0;

export default defineAction<object>({
  summary: 'Answers how many of its kind run at once in its process',
  concurrency: 2,
  async run() {
    running++;
    let most = running;
    for (let turn = 0; turn < 20; turn++) {
      await nextTurn();
      most = Math.max(most, running);
    }
    running--;
    return { most };
  },
});
