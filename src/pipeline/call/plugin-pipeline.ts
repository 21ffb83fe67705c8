/** The pipeline as plugins' routes use it: with values instead of bytes. */
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import type { EnvelopeEvent } from '../../json/envelope-scanner.ts';
import type { Callback } from '../../plugin/callback.ts';
import { NonRetryableError } from '../../plugin/errors.ts';
import type { SubmittedBatch } from '../../plugin/routes.ts';
import { resultValues } from '../read/result-values.ts';
import { batchStatus, requireBatch } from '../read/status.ts';
import { submit } from '../submit/submit.ts';
import { type CallActionDeps, callAction } from './call-action.ts';

export type PluginPipeline = ReturnType<typeof createPluginPipeline>;

const MEMBERS = ['jobs', 'callbackUrl', 'options', 'callbackHeaders'];

export function createPluginPipeline(
  deps: CallActionDeps & { callbackForms: ReadonlyMap<string, Callback> },
) {
  return {
    /** @param namespace that of the plugin: callbacks have its form, if it has one */
    async submit(caller: Caller, namespace: string, batch: SubmittedBatch): Promise<{ asyncId: string }> {
      const unknown = Object.keys(batch).find((name) => !MEMBERS.includes(name));
      if (unknown !== undefined)
        throw new BatchwrightError('invalidRequest', { message: unknownMember('', unknown, MEMBERS) });
      const form = deps.callbackForms.has(namespace) ? namespace : undefined;
      const callback = { form, headers: batch.callbackHeaders };
      return { asyncId: await submit(deps, { caller, events: eventsOf(batch), callback }) };
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

async function* eventsOf(batch: SubmittedBatch): AsyncGenerator<EnvelopeEvent[]> {
  for await (const job of batch.jobs)
    yield [{ kind: 'element', value: Buffer.from(JSON.stringify(job) ?? 'null') }];
  yield [{ kind: 'array-end' }];
  // Read at the end: in the body of a request they may follow the jobs.
  for (const [key, value] of Object.entries({ callbackUrl: batch.callbackUrl, options: batch.options }))
    if (value !== undefined) yield [{ kind: 'member', key, value: Buffer.from(JSON.stringify(value)) }];
}
