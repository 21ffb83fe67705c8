import { defineAction } from '../../../../src/plugin/index.ts';
import { ENDLESS } from '../../../../test/support/endless.ts';
import type { SleepInTransaction } from '../../schemas/chaos/sleepInTransaction.ts';

export default defineAction<SleepInTransaction>({
  summary: 'Has a statement that takes longer than the job may',
  transactional: true,
  retry: { limit: 0 },
  timeoutSeconds: 1,
  concurrency: 30,
  async run(_params, { sql }) {
    await sql.query(ENDLESS);
  },
});
