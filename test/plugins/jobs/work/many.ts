import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Many } from '../../schemas/work/many.ts';

export default defineAction<Many>({
  summary: 'Runs many jobs at once',
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  runMany(jobs) {
    const together = jobs.length;
    const answers = jobs.map(({ params: { n, failures = 0, fatal }, attempt }) => {
      if (fatal) return new NonRetryableError(`never ${n}`);
      return attempt <= failures ? new Error(`not yet ${n}`) : { n, attempt, together };
    });
    const spoils = (how: Many['spoils']) => together > 1 && jobs.some(({ params }) => params.spoils === how);
    if (spoils('throws')) throw new Error('not together');
    if (spoils('changes')) {
      for (const { params } of jobs) Object.assign(params, { n: -1, fatal: true });
      throw new Error('not together, and the params are changed');
    }
    return spoils('length') ? answers.slice(1) : answers;
  },
});
