import { defineAction } from 'batchwright/plugin';
import { ENDLESS } from '../../../support/endless.ts';
import type { Sleep } from '../../schemas/work/sleep.ts';

export default defineAction<Sleep>({
  summary: 'Has a statement that takes longer than it may',
  retry: { limit: 0 },
  timeoutSeconds: 1,
  concurrency: 30,
  async run(_params, { sql }) {
    await sql.query(ENDLESS);
  },
});
