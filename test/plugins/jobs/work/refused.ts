import { defineAction, ThrottledError } from 'batchwright/plugin';
import type { Refused } from '../../schemas/work/refused.ts';
import { enter, runsOf } from './lib/journal.ts';

export default defineAction<Refused>({
  summary: 'Is refused in its first runs by the service that it calls',
  retry: { limit: 1, delaySeconds: 0.1, backoff: false },
  async run({ refusals, seconds, failures = 0 }, context) {
    await enter(context, context, 'run');
    if ((await runsOf(context, context.index)) <= refusals) throw new ThrottledError(seconds, 'slow down');
    if (context.attempt <= failures) throw new Error('not yet');
    return { attempt: context.attempt };
  },
});
