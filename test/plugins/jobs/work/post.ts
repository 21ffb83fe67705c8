import { defineAction } from 'batchwright/plugin';
import type { Post } from '../../schemas/work/post.ts';
import { passGate } from './lib/gate.ts';
import { post } from './lib/post.ts';

export default defineAction<Post>({
  summary: 'Writes an entry in the transaction that records its result',
  transactional: true,
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  async run(params, context) {
    const response = await post(params, context, context);
    context.progress(1, 2);
    if (params.gate !== undefined) await passGate(context, params.gate);
    return response;
  },
});
