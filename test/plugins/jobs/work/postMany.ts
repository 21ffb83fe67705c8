import { defineAction } from 'batchwright/plugin';
import type { Post } from '../../schemas/work/post.ts';
import { post } from './lib/post.ts';

export default defineAction<Post>({
  summary: 'Writes many entries in the transaction that records their results',
  transactional: true,
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  async runMany(jobs, context) {
    const answers: unknown[] = [];
    for (const { params, ...doer } of jobs)
      answers.push(await post(params, doer, context).catch((error: unknown) => error));
    return answers.map((answer) =>
      answer instanceof Error ? answer : { ...(answer as object), together: jobs.length },
    );
  },
});
