import { defineAction, ThrottledError } from 'batchwright/plugin';
import type { RefusedMany } from '../../schemas/work/refusedMany.ts';
import { enter, runsOf } from './lib/journal.ts';

export default defineAction<RefusedMany>({
  summary: 'Is refused in its first runs by the service that it calls, for many jobs at once',
  async runMany(jobs, context) {
    const answers: unknown[] = [];
    for (const { index, params, attempt } of jobs) {
      await enter(context, { index, attempt }, `with ${jobs.length}`);
      const isRefused = (await runsOf(context, index)) <= params.refusals;
      const refusal = new ThrottledError(params.seconds, 'slow down');
      answers.push(isRefused ? refusal : { attempt });
      if (isRefused && params.whole) throw refusal;
    }
    return answers;
  },
});
