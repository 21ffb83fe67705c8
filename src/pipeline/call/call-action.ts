/** Runs one action as a batch of one job and waits for its response. */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { toBatchId } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import type { ResultStatus } from '../../domain/outcome.ts';
import { resultAt } from '../../store/results.ts';
import { type SubmitDeps, submit } from '../submit/submit.ts';
import type { EndWatch } from './end-watch.ts';

export interface CallActionDeps extends SubmitDeps {
  pool: Pool;
  endWatch: EndWatch;
  /** How long a caller waits at most; 30 s when absent. */
  callWaitMs?: number | undefined;
}

export interface CallResult {
  asyncId: string;
  status: ResultStatus;
  /** JSON text: the response, or the error object of a failed job. */
  response: string;
}

const WAIT_MS = 30_000;

export interface ActionCall {
  namespace: string;
  action: string;
  /** The JSON text of the params: one complete value. */
  params: Buffer;
  /** Aborted when the caller no longer waits for the response. */
  signal?: AbortSignal;
  /**
   * The same key, action and params mean the same job: a repeated call waits for the response to the first.
   */
  idempotencyKey?: string | undefined;
}

/**
 * Throws what `submit` throws, with 23016 or 23017 for params that break the schema. Throws `stillRunning`
 * (504) with the asyncId when the job takes longer than 30 s.
 */
export async function callAction(
  deps: CallActionDeps,
  caller: Caller,
  call: ActionCall,
): Promise<CallResult> {
  const { params, signal, idempotencyKey } = call;
  const head = JSON.stringify({ namespace: call.namespace, action: call.action });
  const value = Buffer.concat([Buffer.from(`${head.slice(0, -1)},"params":`), params, Buffer.from('}')]);
  const events = [[{ kind: 'element' as const, value }, { kind: 'array-end' as const }]];
  const digest = () => createHash('sha256').update(head).update(params).digest();
  const asyncId = await submit(deps, {
    caller,
    events: asyncOf(events),
    isCall: true,
    idempotencyKey,
    digest,
  });
  const batchId = toBatchId(asyncId);
  if (!(await deps.endWatch.ended(batchId, deps.callWaitMs ?? WAIT_MS, signal)))
    throw new BatchwrightError('stillRunning', { extra: { asyncId } });
  const result = await resultAt(deps.pool, batchId, 0);
  if (!result) throw new BatchwrightError('resultsNotFound');
  return { asyncId, ...result };
}

async function* asyncOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
