/** Delivers one callback: sends it, logs the attempt, and queues the next attempt. */
import type { Pool, PoolClient } from 'pg';
import { toAsyncId } from '../../domain/batch.ts';
import type { LimitedLog } from '../../domain/limited-log.ts';
import { transaction } from '../../postgres/transaction.ts';
import type { CallbackMessage } from '../../queue/messages.ts';
import type { Claim, Queue } from '../../queue/queue.ts';
import { type BatchRow, type CallbackState, lockAnyBatch } from '../../store/batches.ts';
import { countAttempt, insertDelivery } from '../../store/deliveries.ts';
import { callbackAttempted } from '../../telemetry/events.ts';
import { callbackSent } from '../../telemetry/operations.ts';
import type { CallbackGroups } from './callback-groups.ts';
import { recordAttempt } from './record-attempt.ts';
import { type Attempt, type SendCallbackDeps, sendCallback } from './send-callback.ts';

export interface DeliverDeps extends SendCallbackDeps {
  pool: Pool;
  queue: Queue;
  groups: CallbackGroups;
  failures: LimitedLog;
  /** Pauses after the first, second … failed attempt. When they are used up, the callback has failed. */
  retrySeconds: readonly number[];
}

/** What follows a failed attempt. */
interface Sequel {
  /** The callback has failed: no attempt follows. */
  isLast: boolean;
  /** Null when no attempt follows, or when the callback is superseded and this attempt decides nothing. */
  nextInSeconds: number | null;
}

/** The receiver wants no more callbacks: https://www.standardwebhooks.com, "410 Gone". */
const GONE = 410;

/** Makes one attempt. Returns whether the receiver answered; null when it was not called. */
export async function deliver(deps: DeliverDeps, claim: Claim<CallbackMessage>): Promise<boolean | null> {
  const { message } = claim;
  const batch = await deps.groups.batch(message.batch);
  if (!batch?.callbackUrl || batch.generation !== message.generation || batch.finishedAt === null)
    return drop(deps, claim);
  if (isSuperseded(message, batch)) return drop(deps, claim);
  // Another attempt has already delivered it.
  if (message.attempt > 1 && batch.callbackState === 'delivered') return drop(deps, claim);
  const { callbackUrl: url, tenant, traceContext } = batch;
  const asyncId = toAsyncId(message.batch);
  const attempt = await callbackSent.run(
    { asyncId, tenant, attempt: message.attempt, url, traceContext },
    () => sendCallback(deps, batch, url),
  );
  const held = { ...claim, message: { ...message, tenant: batch.tenant } };
  if (attempt.error === null) await deps.groups.delivered(claim, attempt, deps.stopping);
  else noteFailure(deps, held.message, attempt, await recordFailure(deps, held, attempt));
  emitAttempt(held.message, attempt);
  return attempt.status !== null;
}

function emitAttempt(message: CallbackMessage, { status, error, durationMs }: Attempt): void {
  const { batch, tenant, receiver, attempt } = message;
  callbackAttempted.emit({ asyncId: toAsyncId(batch), tenant, receiver, attempt, status, error, durationMs });
}

/** True when a repost was requested after the message was sent: the repost's message takes over. */
function isSuperseded({ reposts = 0 }: CallbackMessage, batch: BatchRow): boolean {
  return reposts < batch.reposts;
}

async function recordFailure(
  deps: DeliverDeps,
  claim: Claim<CallbackMessage>,
  attempt: Attempt,
): Promise<Sequel> {
  const { queue, retrySeconds } = deps;
  const { message } = claim;
  const pause = attempt.status === GONE ? undefined : retrySeconds[message.attempt - 1];
  const wanted = pause === undefined ? null : Math.max(pause, attempt.retryAfterSeconds ?? 0);
  const state: CallbackState = wanted === null ? 'failed' : 'pending';
  // Another lane may have taken over the message: then both lanes' attempts are logged.
  const record = async (client: PoolClient, isHeld: boolean): Promise<Sequel> => {
    // Holds the batch's lock: a repost comes before or after, never in between.
    const batch = await lockAnyBatch(client, message.batch);
    const superseded = batch !== null && isSuperseded(message, batch);
    const isCurrent = await countAttempt(client, message, superseded ? null : state);
    const decides = isHeld && isCurrent && !superseded;
    const nextInSeconds = decides ? wanted : null;
    await logAttempt(client, message, attempt, nextInSeconds);
    if (nextInSeconds !== null) {
      const next = { ...message, attempt: message.attempt + 1 };
      await queue.sendCallbacks(client, [next], { delaySeconds: nextInSeconds });
    }
    return { isLast: decides && wanted === null, nextInSeconds };
  };
  return (await recordAttempt(deps, claim, record)) ?? { isLast: false, nextInSeconds: null };
}

function logAttempt(
  client: PoolClient,
  { batch: batchId, generation, trigger }: CallbackMessage,
  { status, error, durationMs }: Attempt,
  nextInSeconds: number | null,
): Promise<void> {
  return insertDelivery(client, { batchId, generation, trigger, status, error, durationMs, nextInSeconds });
}

/** Logs the failure, at most one line per receiver and half minute. */
function noteFailure(
  { failures }: DeliverDeps,
  { batch, tenant, receiver, attempt }: CallbackMessage,
  { status, error }: Attempt,
  { isLast, nextInSeconds }: Sequel,
): void {
  failures.note({
    level: isLast ? 'warn' : 'info',
    kind: `callback ${isLast} ${tenant} ${receiver}`,
    fields: () => ({ asyncId: toAsyncId(batch), tenant, receiver, attempt, status, error, nextInSeconds }),
    message: isLast ? 'callbacks failed for good' : 'callbacks failed and will be sent again',
  });
}

async function drop({ pool, queue }: DeliverDeps, claim: Claim<CallbackMessage>): Promise<null> {
  await transaction(pool, async (client) => {
    await queue.complete(client, claim);
  });
  return null;
}
