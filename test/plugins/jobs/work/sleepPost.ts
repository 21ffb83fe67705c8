import { defineAction } from 'batchwright/plugin';
import { ENDLESS } from '../../../support/endless.ts';
import type { SleepPost } from '../../schemas/work/sleepPost.ts';

export default defineAction<SleepPost>({
  summary: 'Has a statement in its transaction that takes longer than it may',
  transactional: true,
  retry: { limit: 0 },
  timeoutSeconds: 1,
  concurrency: 30,
  async run(_params, { sql }) {
    await sql.query(ENDLESS);
  },
});
