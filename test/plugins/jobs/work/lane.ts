import { defineAction } from 'batchwright/plugin';
import type { Gated } from '../../schemas/work/lane.ts';
import { passGate } from './lib/gate.ts';

export default defineAction<Gated>({
  summary: 'Runs in lanes of its own',
  queue: 'work',
  async run({ gate }, context) {
    if (gate !== undefined) await passGate(context, gate);
    return { lane: 'work' };
  },
});
