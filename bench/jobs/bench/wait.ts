import { setTimeout as wait } from 'node:timers/promises';
import { defineAction } from '../../../src/plugin/index.ts';
import type { Wait } from '../../schemas/bench/wait.ts';

/** The time of a short call to another service. */
const WAIT_MS = 5;

export default defineAction<Wait>({
  summary: 'Waits for 5 ms, as for I/O, or for the given time',
  async run({ n, ms = WAIT_MS }) {
    await wait(ms);
    return { ok: true, n };
  },
});
