import { defineAction } from 'batchwright/plugin';
import type { Answer } from '../../schemas/rest/answer.ts';

export default defineAction<Answer>({
  summary: 'Returns as many bytes as requested',
  permission: 'rest.special',
  example: { bytes: 10 },
  retry: { limit: 1, delaySeconds: 2, backoff: false },
  timeoutSeconds: 7,
  run: ({ bytes }) => 'x'.repeat(bytes - 2),
});
