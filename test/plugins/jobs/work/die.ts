import { defineAction } from 'batchwright/plugin';
import type { Die } from '../../schemas/work/die.ts';
import { enter } from './lib/journal.ts';

export default defineAction<Die>({
  summary: 'Ends its process in its first runs, one job at a time',
  concurrency: 1,
  async run({ times }, context) {
    await enter(context, context, 'run');
    const { rowCount } = await context.sql.query(
      'select from work.entry where async_id = $1 and index = $2',
      [context.asyncId, context.index],
    );
    if (rowCount <= times) process.exit(3);
    return { runs: rowCount };
  },
});
