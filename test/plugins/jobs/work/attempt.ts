import { defineAction, NonRetryableError, RetryLaterError } from 'batchwright/plugin';
import type { Attempt } from '../../schemas/work/attempt.ts';
import { passGate } from './lib/gate.ts';
import { cutConnection, enter } from './lib/journal.ts';

export default defineAction<Attempt>({
  summary: 'Fails in its first runs and is run again, later and later',
  retry: { limit: 2, delaySeconds: 0.3, backoff: true },
  async run(params, context) {
    await enter(context, context, 'run');
    const { signal } = params.deaf ? new AbortController() : context;
    if (params.gate !== undefined) await passGate({ sql: context.sql, signal }, params.gate);
    if (params.cuts) await cutConnection(context);
    if (context.attempt > (params.failures ?? 0)) return { attempt: context.attempt };
    const { message = 'this time not', errorCode, retryInSeconds, fatal } = params;
    const options =
      errorCode === undefined ? {} : { errorCode, specificCode: 7, additionalMessages: ['more'] };
    if (fatal) throw new NonRetryableError(message, options);
    if (retryInSeconds !== undefined) throw new RetryLaterError(message, retryInSeconds, options);
    throw new Error(message);
  },
});
