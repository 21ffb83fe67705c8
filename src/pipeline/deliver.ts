/**
 * Delivers one callback: sign the body and send it, log the attempt, and leave the next attempt to the queue.
 * In constant memory, whatever the batch's size.
 */
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import { toAsyncId } from '../domain/batch.ts';
import type { AllowList } from '../outbound/address-guard.ts';
import { OutboundError } from '../outbound/outbound-error.ts';
import { type PostTimeouts, postStream } from '../outbound/post.ts';
import { beginSignature } from '../outbound/signature.ts';
import type { Log } from '../plugin/context.ts';
import { isDatabaseUnavailable } from '../postgres/errors.ts';
import { transaction } from '../postgres/transaction.ts';
import type { CallbackMessage } from '../queue/messages.ts';
import type { Claim, Queue } from '../queue/queue.ts';
import { isSuperseded } from '../queue/supersede.ts';
import { type BatchRow, type CallbackState, lockBatchRow } from '../store/batches.ts';
import { type CallbackBatch, callbackBatch, countAttempt, insertDelivery } from '../store/deliveries.ts';
import type { CallbackBodies, CallbackBody } from './callback-body.ts';

export interface DeliverDeps {
  pool: Pool;
  queue: Queue;
  log: Log;
  bodies: CallbackBodies;
  allow: AllowList;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
  /** Pauses after the first, second … failed attempt; when they are used up the callback has failed. */
  retrySeconds: readonly number[];
  callbackSecret(tenant: string): Promise<string>;
  /** Aborted when the process must stop: the attempt is given up, uncounted. */
  stopping: AbortSignal;
  /** What a receiver is given; `postStream`'s defaults when absent. */
  timeouts?: Partial<PostTimeouts>;
}

/** What one attempt came to. */
interface Attempt {
  status: number | null;
  error: string | null;
  retryAfterSeconds: number | null;
  durationMs: number;
}

/** The receiver wants no further callbacks: https://www.standardwebhooks.com, "410 Gone". */
const GONE = 410;

/** An attempt that is not recorded is made again: what stands in the way of the record for a moment must not do that. */
const ATTEMPTS = 5;

/** Makes one attempt. Whether the receiver answered it; null when it was not called. */
export async function deliver(deps: DeliverDeps, claim: Claim<CallbackMessage>): Promise<boolean | null> {
  const { message } = claim;
  const batch = await callbackBatch(deps.pool, message.batch);
  if (!batch?.callbackUrl || batch.generation !== message.generation || batch.finishedAt === null)
    return drop(deps, claim);
  // Another attempt did what this one was to do again.
  if (message.attempt > 1 && batch.callbackState === 'delivered') return drop(deps, claim);
  if (batch.repostedAt && (await isSuperseded(deps.pool, claim))) return drop(deps, claim);
  const attempt = await post(deps, batch, batch.callbackUrl);
  await record(deps, { ...claim, message: { ...message, tenant: batch.tenant } }, attempt);
  return attempt.status !== null;
}

/** The same for every attempt of one completion. */
function webhookId(batch: BatchRow): string {
  return `msg_${toAsyncId(batch.id)}_${batch.generation}`;
}

async function post(deps: DeliverDeps, batch: CallbackBatch, url: string): Promise<Attempt> {
  const secret = await deps.callbackSecret(batch.tenant);
  const id = webhookId(batch);
  let body: CallbackBody | undefined;
  let startedAt = performance.now();
  const attempt = (part: Partial<Attempt>): Attempt => ({
    status: null,
    error: null,
    retryAfterSeconds: null,
    durationMs: Math.round(performance.now() - startedAt),
    ...part,
  });
  const headersOf = ({ signingTime, signature }: CallbackBody) => ({
    'content-type': 'application/json',
    'user-agent': 'Batchwright',
    'webhook-id': id,
    'webhook-timestamp': String(signingTime),
    'webhook-signature': signature,
  });
  try {
    const beginHmac = (signingTime: number) => beginSignature(secret, id, signingTime);
    const answer = await deps.bodies.withBody(batch, beginHmac, (signed) => {
      body = signed;
      startedAt = performance.now();
      return postStream({
        url,
        contentLength: signed.contentLength,
        body: signed.content,
        headers: headersOf(signed),
        allow: deps.allow,
        lookup: deps.lookup,
        signal: deps.stopping,
        timeouts: deps.timeouts,
      });
    });
    const success = answer.status >= 200 && answer.status < 300;
    return attempt({
      status: answer.status,
      error: success ? null : `the receiver answered ${answer.status}`,
      retryAfterSeconds: answer.retryAfterSeconds,
    });
  } catch (error) {
    // Uncounted: the attempt is repeated by whoever takes the message next. Only reading the body asks the
    // database: a receiver that cannot be reached fails with the same codes.
    const unreadable = body ? readError(body) : error;
    if (deps.stopping.aborted || isDatabaseUnavailable(unreadable)) throw error;
    const reason = unreadable ?? error;
    deps.log.warn({ err: reason, asyncId: toAsyncId(batch.id) }, 'callback not delivered');
    return attempt({ error: reason instanceof OutboundError ? reason.message : 'the request failed' });
  }
}

function readError({ content }: CallbackBody): Error | null {
  return content instanceof Readable ? content.errored : null;
}

async function record(deps: DeliverDeps, claim: Claim<CallbackMessage>, attempt: Attempt): Promise<void> {
  const { message } = claim;
  const delivered = attempt.error === null;
  const pause = delivered || attempt.status === GONE ? undefined : deps.retrySeconds[message.attempt - 1];
  const nextInSeconds = pause === undefined ? null : Math.max(pause, attempt.retryAfterSeconds ?? 0);
  const state: CallbackState = delivered ? 'delivered' : nextInSeconds === null ? 'failed' : 'pending';
  const recordIn = async (client: PoolClient): Promise<void> => {
    const log = (next: number | null) =>
      insertDelivery(client, {
        batchId: message.batch,
        generation: message.generation,
        trigger: message.trigger,
        status: attempt.status,
        error: attempt.error,
        durationMs: attempt.durationMs,
        nextInSeconds: next,
      });
    const sent = Promise.withResolvers<void>();
    const completed = deps.queue.complete(client, claim, sent.resolve);
    // First the message's lock, then the batch's, as everybody else.
    await Promise.race([sent.promise, completed]);
    if (delivered) {
      // One behind the other: nothing depends on an answer.
      await Promise.all([completed, countAttempt(client, message, state), log(null)]);
      return;
    }
    // Another lane may have taken the message over: then that one's attempt is logged, and this one's too.
    const held = await completed;
    const superseded = await isReposted(client, claim);
    const current = await countAttempt(client, message, superseded ? null : state);
    const delaySeconds = held && current && !superseded ? nextInSeconds : null;
    await log(delaySeconds);
    if (delaySeconds === null) return;
    await deps.queue.sendCallback(client, { ...message, attempt: message.attempt + 1 }, { delaySeconds });
  };
  await transaction(deps.pool, recordIn, { attempts: ATTEMPTS });
}

/** Under the batch's lock: a repost comes before or after, never in between. */
async function isReposted(client: PoolClient, claim: Claim<CallbackMessage>): Promise<boolean> {
  const batch = await lockBatchRow(client, claim.message.batch);
  return Boolean(batch?.repostedAt) && isSuperseded(client, claim);
}

async function drop(deps: DeliverDeps, claim: Claim<CallbackMessage>): Promise<null> {
  await transaction(deps.pool, async (client) => {
    await deps.queue.complete(client, claim);
  });
  return null;
}
