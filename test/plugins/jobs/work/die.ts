import { defineAction } from 'batchwright/plugin';
import type { Die } from '../../schemas/work/die.ts';
import { enter, runsOf } from './lib/journal.ts';

export default defineAction<Die>({
  summary: 'Ends its process in its first runs, one job at a time',
  concurrency: 1,
  async run({ times }, context) {
    await enter(context, context, 'run');
    const runs = await runsOf(context, context.index);
    if (runs <= times) process.exit(3);
    return { runs };
  },
});
