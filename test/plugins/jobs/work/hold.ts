import { defineAction } from 'batchwright/plugin';
import type { Hold } from '../../schemas/work/hold.ts';

export default defineAction<Hold>({
  summary: 'Runs statements in its transaction, and may take long',
  transactional: true,
  retry: { limit: 0 },
  timeoutSeconds: 600,
  async run({ statements }, { sql }) {
    for (const statement of statements) await sql.query(statement);
    return {};
  },
});
