import { once } from 'node:events';
import { defineAction } from 'batchwright/plugin';
import { enter } from './lib/journal.ts';

export default defineAction<object>({
  summary: 'Never answers, and has not long to run',
  retry: { limit: 1, delaySeconds: 0, backoff: false },
  timeoutSeconds: 0.2,
  async run(_params, context) {
    await once(context.signal, 'abort');
    await enter(context, context, `aborted: ${String(context.signal.reason?.message)}`);
    return new Promise(() => {});
  },
});
