import { defineAction } from 'batchwright/plugin';
import type { Statements } from '../../schemas/work/statements.ts';

export default defineAction<Statements>({
  summary: 'Runs statements in its transaction',
  transactional: true,
  retry: { limit: 0 },
  async run({ statements }, { sql }) {
    for (const statement of statements) await sql.query(statement);
    return {};
  },
});
