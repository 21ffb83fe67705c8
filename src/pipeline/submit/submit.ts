/**
 * Stores a batch completely or not at all: in one transaction when the whole request has arrived, otherwise
 * as an upload. No transaction waits for a sender.
 */

import { BatchwrightError } from '../../contract/errors.ts';
import { type AsyncId, toAsyncId, toBatchId } from '../../domain/batch.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Log } from '../../domain/log.ts';
import { isTemporary } from '../../postgres/errors.ts';
import { transaction } from '../../postgres/transaction.ts';
import type { Queue } from '../../queue/queue.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import { copyChunks, encodeChunk, type NewChunk } from '../../store/new-chunks.ts';
import { newBatchIds } from '../../store/submission.ts';
import { batchSubmitted, jobsRefused } from '../../telemetry/events.ts';
import { batchStored, traceHeaders } from '../../telemetry/operations.ts';
import type { LargeJobChecker } from '../../validation/large-jobs.ts';
import type { Releaser } from '../plan/releaser.ts';
import { reportEnd } from '../settle/batch-end.ts';
import { checkCallbackHeaders } from './callback-headers.ts';
import { asyncIdOf, claimIdempotencyKey } from './idempotency.ts';
import { Intake, type IntakeEvent } from './intake.ts';
import type { SmallBatches } from './small-batches.ts';
import { type BatchToStore, type Stored, storeBatches, summaryOf } from './store-batches.ts';
import type { Upload } from './upload.ts';
import type { Uploads } from './uploads.ts';

/** A larger chunk is stored with COPY: an INSERT would hold its text several times in memory. */
const MAX_INSERT_BYTES = 256 * 1024;

export interface SubmitDeps {
  uploads: Uploads;
  smallBatches: SmallBatches;
  queue: Queue;
  releaser: Releaser;
  registry: Registry;
  largeJobs: LargeJobChecker<RegisteredAction>;
  log: Pick<Log, 'info'>;
  limits: { maxJobs: number; maxDependencies: number; retentionDays: number };
  /**
   * Throws BatchwrightError when the address may not be called.
   *
   * @param member its name in messages; `callbackUrl` when absent
   */
  checkCallbackUrl(url: unknown, tenant: string, member?: string): Promise<string>;
  /** Throws `notConfigured` (501) without SECRET_KEY. */
  encryptCallbackHeaders(headers: Readonly<Record<string, string>>, tenant: string): Buffer;
}

/** A request's body, split into jobs and other members as it arrives. */
export interface Submission {
  caller: Caller;
  events: AsyncIterable<readonly IntakeEvent[]>;
  idempotencyKey?: string | undefined;
  /** The body's memory: how many bytes are read, and up to which position they are no longer needed. */
  body?: { read(): number; release(upTo: number): void };
  /** The digest of the body, called when all of it was read. */
  digest?: () => Buffer;
  /** The form of the batch's callback, by the namespace of the plugin, and further headers of it. */
  callback?: { form: string | undefined; headers?: Readonly<Record<string, string>> | undefined } | undefined;
  /** The request is one action's params: its errors name params rather than jobs. */
  isCall?: boolean;
}

/**
 * Stores the batch and returns its asyncId. Throws BatchwrightError for a wrong request (400, 403, 409, 413,
 * 422) and when the database does not take it (503, 24091); nothing is stored then.
 */
export function submit(deps: SubmitDeps, submission: Submission): Promise<AsyncId> {
  return batchStored.run({ tenant: submission.caller.tenant }, () => checkAndStore(deps, submission));
}

async function checkAndStore(deps: SubmitDeps, submission: Submission): Promise<AsyncId> {
  const { caller, events, body, idempotencyKey } = submission;
  const intake = newIntake(deps, submission);
  let upload: Upload | undefined;
  try {
    for await (const some of events) {
      const chunks = await intake.take(some);
      upload?.check();
      if (chunks.length === 0) continue;
      const read = body?.read() ?? 0;
      upload ??= deps.uploads.begin(caller.tenant, idempotencyKey);
      await upload.add({ chunks, onStored: () => body?.release(read) });
    }
    const last = intake.lastChunk();
    const batch = await batchToStore(deps, submission, intake);
    // `finish` has thrown if the request has no jobs.
    const storing = upload ? upload.commit(batch, last) : storeAtOnce(deps, batch, last as NewChunk);
    const stored = await storing;
    // Jobs that skipInvalid let pass have ended already.
    if (stored.isNew && batch.plan && intake.refused.size > 0) deps.releaser.wake(toBatchId(stored.asyncId));
    if (stored.isNew) announce(stored, caller.tenant, intake);
    if (stored.ended) reportEnd(deps.log, toBatchId(stored.asyncId), stored.ended);
    return stored.asyncId;
  } catch (error) {
    await upload?.abandon();
    // A BatchwrightError is thrown unchanged: it may stem from the caller's own lost connection.
    throw !(error instanceof BatchwrightError) && isTemporary(error)
      ? new BatchwrightError('notSaved', { retryAfter: 5, cause: error })
      : error;
  }
}

function announce({ asyncId }: Stored, tenant: string, { total, refused }: Intake): void {
  batchSubmitted.emit({ asyncId, tenant, jobs: total });
  if (refused.size > 0) jobsRefused.emit({ byAction: refused });
}

async function batchToStore(
  deps: SubmitDeps,
  { caller, idempotencyKey, digest, callback }: Submission,
  intake: Intake,
): Promise<BatchToStore> {
  const { callbackUrl, options, actions } = intake.finish();
  const { name, metadata, callbackHeaders, callbackOn, ...stored } = options;
  return {
    caller,
    total: intake.total,
    callbackUrl: callbackUrl == null ? null : await deps.checkCallbackUrl(callbackUrl, caller.tenant),
    callbackForm: callback?.form,
    callbackHeaders: encryptedHeaders(deps, caller, { ...callbackHeaders, ...callback?.headers }),
    callbackOn,
    name,
    metadata,
    traceContext: batchStored.isTraced ? traceHeaders() : undefined,
    actions,
    plan: await intake.plan(),
    options: stored,
    idempotency: idempotencyKey !== undefined && digest ? { key: idempotencyKey, digest: digest() } : null,
    retentionDays: deps.limits.retentionDays,
  };
}

function encryptedHeaders(
  deps: SubmitDeps,
  { tenant }: Caller,
  headers: Readonly<Record<string, string>>,
): Buffer | undefined {
  if (Object.keys(headers).length === 0) return undefined;
  checkCallbackHeaders(headers, 'callbackHeaders');
  return deps.encryptCallbackHeaders(headers, tenant);
}

/** What a check found in a request that would be stored. */
export interface Checked {
  valid: true;
  /** Its jobs, the invalid ones included. */
  total: number;
  /** Jobs that would fail at once, with skipInvalid. */
  invalid: number;
}

/** Throws what `submit` would throw for the request; stores nothing. */
export async function validate(deps: SubmitDeps, submission: Submission): Promise<Checked> {
  const intake = newIntake(deps, submission);
  for await (const events of submission.events) {
    await intake.take(events);
    submission.body?.release(submission.body.read());
  }
  const { callbackUrl, options } = intake.finish();
  await intake.plan();
  encryptedHeaders(deps, submission.caller, { ...options.callbackHeaders });
  if (callbackUrl != null) await deps.checkCallbackUrl(callbackUrl, submission.caller.tenant);
  const invalid = [...intake.refused.values()].reduce((sum, count) => sum + count, 0);
  return { valid: true, total: intake.total, invalid };
}

function newIntake(deps: SubmitDeps, { caller, isCall }: Submission): Intake {
  const { registry, largeJobs, limits } = deps;
  const { maxJobs, maxDependencies } = limits;
  return new Intake({ caller, registry, largeJobs, maxJobs, maxDependencies, isCall });
}

/**
 * Stores a complete request: a small batch together with others, a larger one by COPY in a transaction of its
 * own.
 */
async function storeAtOnce(deps: SubmitDeps, batch: BatchToStore, closed: NewChunk): Promise<Stored> {
  const chunk = await encodeChunk(closed);
  if (chunk.bytes <= MAX_INSERT_BYTES) return deps.smallBatches.store(batch, chunk);
  const { uploads, queue } = deps;
  const { caller, idempotency } = batch;
  return uploads.turns.take(caller.tenant, () =>
    transaction(uploads.copyPool, async (client) => {
      const [batchId = ''] = await newBatchIds(client, 1);
      const existing = idempotency && (await claimIdempotencyKey(client, caller.tenant, idempotency.key));
      if (existing) return { asyncId: asyncIdOf(existing, idempotency), isNew: false, ended: null };
      await copyChunks(client, batchId, [chunk]);
      const ended = await storeBatches(queue, client, [{ batchId, batch, chunks: [summaryOf(chunk)] }]);
      return { asyncId: toAsyncId(batchId), isNew: true, ended: ended.get(batchId) ?? null };
    }),
  );
}
