import { defineAction } from '../../../src/plugin/index.ts';
import type { Limited } from '../../schemas/bench/limited.ts';

export default defineAction<Limited>({
  summary: 'Answers at once, one start a minute in each bucket',
  limits: { rate: { limit: 1, perSeconds: 60, by: '/bucket' } },
  run: ({ n }) => ({ ok: true, n }),
});
