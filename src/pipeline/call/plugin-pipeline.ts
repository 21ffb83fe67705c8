/** The pipeline as plugins' routes use it: with values instead of bytes. */
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import type { EnvelopeEvent } from '../../json/envelope-scanner.ts';
import { NonRetryableError } from '../../plugin/errors.ts';
import { resultValues } from '../read/result-values.ts';
import { batchStatus, requireBatch } from '../read/status.ts';
import { submit } from '../submit/submit.ts';
import { type CallActionDeps, callAction } from './call-action.ts';

export type PluginPipeline = ReturnType<typeof createPluginPipeline>;

export function createPluginPipeline(deps: CallActionDeps) {
  return {
    async submit(
      caller: Caller,
      batch: { jobs: Iterable<unknown> | AsyncIterable<unknown>; callbackUrl?: string },
    ): Promise<{ asyncId: string }> {
      const { jobs, callbackUrl, ...others } = batch;
      for (const name in others)
        throw new BatchwrightError('invalidRequest', {
          message: unknownMember('', name, ['jobs', 'callbackUrl']),
        });
      return { asyncId: await submit(deps, { caller, events: eventsOf(jobs, callbackUrl) }) };
    },

    async batch(caller: Caller, asyncId: string) {
      const status = await batchStatus(deps.pool, caller, asyncId).catch((error: unknown) => {
        if (error instanceof BatchwrightError && error.kind === 'batchNotFound') return null;
        throw error;
      });
      return status && { ...status, counts: { ...status.counts } };
    },

    async *results(caller: Caller, asyncId: string): AsyncGenerator<unknown> {
      const batch = await requireBatch(deps.pool, caller, asyncId, 'resultsNotFound');
      yield* resultValues(deps.pool, batch.id);
    },

    /** Returns the response; throws NonRetryableError with the error object's fields when the job failed. */
    async call(caller: Caller, name: string, params: unknown): Promise<unknown> {
      const [namespace = '', ...rest] = name.split('.');
      const result = await callAction(deps, caller, {
        namespace,
        action: rest.join('.'),
        params: Buffer.from(JSON.stringify(params ?? {})),
      });
      const value = JSON.parse(result.response);
      if (result.status === 'succeeded') return value;
      throw new NonRetryableError(value?.message ?? 'the job was cancelled', value ?? {});
    },
  };
}

async function* eventsOf(
  jobs: Iterable<unknown> | AsyncIterable<unknown>,
  callbackUrl: string | undefined,
): AsyncGenerator<EnvelopeEvent[]> {
  if (callbackUrl !== undefined)
    yield [{ kind: 'member', key: 'callbackUrl', value: Buffer.from(JSON.stringify(callbackUrl)) }];
  for await (const job of jobs)
    yield [{ kind: 'element', value: Buffer.from(JSON.stringify(job) ?? 'null') }];
  yield [{ kind: 'array-end' }];
}
