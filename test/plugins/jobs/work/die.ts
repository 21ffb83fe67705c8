import { defineAction } from 'batchwright/plugin';
import type { Die } from '../../schemas/work/die.ts';
import { until } from '../lib/until.ts';
import { enter, runsOf } from './lib/journal.ts';

export default defineAction<Die>({
  summary: 'Ends its process in its first runs, one job at a time',
  concurrency: 1,
  async run({ times, beside }, context) {
    await enter(context, context, 'run');
    // It dies when that job has begun, too.
    if (beside !== undefined) await until(context.signal, async () => (await runsOf(context, beside)) > 0);
    const runs = await runsOf(context, context.index);
    if (runs <= times) process.exit(3);
    return { runs };
  },
});
