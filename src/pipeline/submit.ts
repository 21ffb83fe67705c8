/**
 * Takes a batch in: everything in one transaction, batch, chunks and the messages that will run them, or
 * nothing at all.
 */
import type { Pool, PoolClient } from 'pg';
import { type AsyncId, toAsyncId } from '../domain/batch.ts';
import type { Caller } from '../domain/caller.ts';
import { BatchwrightError } from '../domain/errors.ts';
import { isTemporary } from '../postgres/errors.ts';
import { begin, commit, pipelined, rollBack } from '../postgres/transaction.ts';
import type { ChunkMessage } from '../queue/messages.ts';
import type { Queue } from '../queue/queue.ts';
import type { LargeJobChecker } from '../registry/large-jobs.ts';
import type { Registry } from '../registry/registry.ts';
import { type ChunkCopy, copyChunks, insertChunk, type NewChunk } from '../store/chunks.ts';
import { recount } from '../store/settle.ts';
import { claimIdempotencyKey, insertBatch, insertInvalid, newBatchId } from '../store/submission.ts';
import { complete } from './complete.ts';
import { type Envelope, Intake, type IntakeEvent } from './intake.ts';

/** A larger chunk is copied: an insert would hold its text several times over. */
const MAX_INSERT_BYTES = 256 * 1024;

export interface SubmitDeps {
  pool: Pool;
  /** Its own pool for what is copied in: transactions last as long as the caller takes to send. */
  ingestPool: Pool;
  queue: Queue;
  registry: Registry;
  largeJobs: LargeJobChecker;
  limits: { maxJobs: number; retentionDays: number };
  /** Throws BatchwrightError when the address may not be called. */
  checkCallbackUrl(url: unknown, tenant: string): Promise<string>;
}

/** A request's body, cut into jobs and other members as it arrives. */
export interface Submission {
  caller: Caller;
  events: AsyncIterable<readonly IntakeEvent[]>;
  idempotencyKey?: string | undefined;
  /** The digest of the body, asked for when all of it has been read. */
  digest?: () => Buffer;
  /** The request is one action's params: its errors speak of these rather than of jobs. */
  alone?: boolean;
}

/**
 * Stores the batch and answers its asyncId. Throws BatchwrightError for what the request lacks (400, 403,
 * 409, 413, 422) and when the database does not take it (503, 24091); nothing is stored then.
 */
export async function submit(deps: SubmitDeps, submission: Submission): Promise<AsyncId> {
  const intake = newIntake(deps, submission);
  let store: OpenStore | undefined;
  try {
    for await (const events of submission.events) {
      const closed = await intake.take(events);
      if (closed.length > 0) store ??= await openStore(deps, submission, await connectForStream(deps));
      for (const chunk of closed) await store?.write(chunk);
    }
    const last = intake.lastChunk();
    const envelope = intake.finish();
    const callbackUrl =
      envelope.callbackUrl == null
        ? null
        : await deps.checkCallbackUrl(envelope.callbackUrl, submission.caller.tenant);
    const isLarge = last !== null && last.bytes > MAX_INSERT_BYTES;
    const pool = isLarge ? deps.ingestPool : deps.pool;
    store ??= await openStore(deps, submission, await pool.connect());
    return await store.commit(last, envelope, callbackUrl, intake.total);
  } catch (error) {
    await store?.rollback();
    // What is told already may have been caused by a lost connection of the caller's.
    throw !(error instanceof BatchwrightError) && isTemporary(error)
      ? new BatchwrightError('notSaved', { retryAfter: 5, cause: error })
      : error;
  }
}

/** Throws what `submit` would throw for the request; stores nothing. */
export async function validate(deps: SubmitDeps, submission: Submission): Promise<void> {
  const intake = newIntake(deps, submission);
  for await (const events of submission.events) await intake.take(events);
  const { callbackUrl } = intake.finish();
  if (callbackUrl != null) await deps.checkCallbackUrl(callbackUrl, submission.caller.tenant);
}

function newIntake(deps: SubmitDeps, { caller, alone }: Submission): Intake {
  const { registry, largeJobs, limits } = deps;
  return new Intake({ caller, registry, largeJobs, maxJobs: limits.maxJobs, alone });
}

/** The transaction of one submission. */
interface OpenStore {
  write(chunk: NewChunk): Promise<void>;
  commit(
    last: NewChunk | null,
    envelope: Envelope,
    callbackUrl: string | null,
    total: number,
  ): Promise<AsyncId>;
  rollback(): Promise<void>;
}

async function openStore(deps: SubmitDeps, submission: Submission, client: PoolClient): Promise<OpenStore> {
  const messages = new Map<string, ChunkMessage[]>();
  let copy: ChunkCopy | undefined;
  let existing: { batchId: string; digest: Buffer } | undefined;
  let batchId = '';
  let hasInvalid = false;

  async function open(): Promise<void> {
    await pipelined(client, [
      () => begin(client),
      async () => {
        batchId = await newBatchId(client);
      },
    ]);
    if (submission.idempotencyKey !== undefined) {
      const claim = await claimIdempotencyKey(client, submission.caller.tenant, submission.idempotencyKey);
      if (claim.state === 'busy') throw new BatchwrightError('idempotencyBusy', { retryAfter: 1 });
      if (claim.state === 'found') existing = claim;
    }
  }

  function noteMessages(chunk: NewChunk): void {
    if (chunk.invalid.length > 0) hasInvalid = true;
    for (const queue of chunk.queues) {
      const message = { batch: batchId, chunk: chunk.number, generation: 1, attempt: 1 };
      const queued = messages.get(queue);
      if (queued) queued.push(message);
      else messages.set(queue, [message]);
    }
  }

  async function write(chunk: NewChunk): Promise<void> {
    copy ??= copyChunks(client, batchId);
    await copy.write(chunk);
  }

  async function finish(
    uncopied: NewChunk | null,
    envelope: Envelope,
    callbackUrl: string | null,
    total: number,
  ): Promise<void> {
    const { caller, idempotencyKey, digest } = submission;
    const batch = {
      id: batchId,
      tenant: caller.tenant,
      keyId: caller.keyId,
      total,
      callbackUrl,
      actions: envelope.actions,
      options: envelope.options,
      idempotency: idempotencyKey !== undefined && digest ? { key: idempotencyKey, digest: digest() } : null,
      retentionDays: deps.limits.retentionDays,
    };
    await pipelined(client, [
      () => insertBatch(client, batch),
      ...(uncopied ? [() => insertChunk(client, batchId, uncopied)] : []),
      ...[...messages].map(
        ([queue, chunkMessages]) =>
          () =>
            deps.queue.sendChunks(client, queue, chunkMessages),
      ),
    ]);
    if (!hasInvalid) return;
    await insertInvalid(client, batchId);
    const settled = await recount(client, batchId);
    if (settled?.finished) await complete(deps.queue, client, { batchId, generation: 1, ...settled });
  }

  try {
    await open();
  } catch (error) {
    await rollBack(client);
    throw error;
  }

  return {
    async write(chunk) {
      if (existing) return;
      noteMessages(chunk);
      await write(chunk);
    },
    async commit(last, envelope, callbackUrl, total) {
      if (existing) {
        if (!submission.digest?.().equals(existing.digest)) throw new BatchwrightError('idempotencyMismatch');
        await rollBack(client);
        return toAsyncId(existing.batchId);
      }
      if (last) noteMessages(last);
      const isCopied = last !== null && (copy !== undefined || last.bytes > MAX_INSERT_BYTES);
      if (isCopied) await write(last);
      await copy?.end();
      copy = undefined;
      await finish(isCopied ? null : last, envelope, callbackUrl, total);
      await commit(client);
      client.release();
      return toAsyncId(batchId);
    },
    async rollback() {
      await copy?.abort(new Error('the request failed'));
      await rollBack(client);
    },
  };
}

/** A body that is still to come takes as long as its caller likes: nobody waits for the end of another. */
async function connectForStream({ ingestPool: pool }: SubmitDeps): Promise<PoolClient> {
  if (pool.idleCount === 0 && pool.totalCount >= (pool.options.max ?? 0))
    throw new BatchwrightError('unavailable', {
      message: 'Too many large requests are being stored',
      retryAfter: 5,
    });
  return pool.connect();
}
