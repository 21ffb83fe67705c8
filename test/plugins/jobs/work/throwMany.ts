import { defineAction } from 'batchwright/plugin';
import type { Throw } from '../../schemas/work/throw.ts';
import { throwOdd } from './lib/oddities.ts';

export default defineAction<Throw>({
  summary: 'Throws unusual values, out of runMany',
  retry: { limit: 0, delaySeconds: 0, backoff: false },
  runMany: async (jobs) => Promise.all(jobs.map(({ params }) => throwOdd(params))),
});
