import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Post } from '../../schemas/work/post.ts';
import { enter } from './lib/journal.ts';

export default defineAction<Post>({
  summary: 'Writes many entries in one transaction, except for the jobs that fail',
  transactional: true,
  failsAlone: true,
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  async runMany(jobs, context) {
    const answers: unknown[] = [];
    for (const { params, ...doer } of jobs) {
      const { name, failures = 0, fatal } = params;
      if (fatal) answers.push(new NonRetryableError(`never ${name}`));
      else if (doer.attempt <= failures) answers.push(new Error(`not yet ${name}`));
      else {
        await enter(context, doer, name);
        answers.push({ name, together: jobs.length });
      }
    }
    return answers;
  },
});
