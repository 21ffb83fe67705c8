import { defineAction } from 'batchwright/plugin';
import type { Throw } from '../../schemas/work/throw.ts';
import { throwOdd } from './lib/oddities.ts';

export default defineAction<Throw>({
  summary: 'Throws unusual values',
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  run: (params) => throwOdd(params),
});
