import { defineAction } from '../../../../src/plugin/index.ts';
import { ENDLESS } from '../../../../test/support/endless.ts';
import type { Sleep } from '../../schemas/chaos/sleep.ts';

export default defineAction<Sleep>({
  summary: 'Has a statement that takes longer than the job may',
  retry: { limit: 0 },
  timeoutSeconds: 1,
  concurrency: 30,
  async run(_params, { sql }) {
    await sql.query(ENDLESS);
  },
});
