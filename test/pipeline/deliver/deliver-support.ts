/** Helpers for the tests of callbacks: batches that end at once, queries about them, their own lanes. */

import pino from 'pino';
import { callbackHeaderCipher } from '../../../src/access/callback-headers.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import { LimitedLog } from '../../../src/domain/limited-log.ts';
import { CallbackBodies } from '../../../src/pipeline/deliver/callback-body.ts';
import { CallbackGroups } from '../../../src/pipeline/deliver/callback-groups.ts';
import { type DeliverDeps, deliver } from '../../../src/pipeline/deliver/deliver.ts';
import type { CallbackMessage } from '../../../src/queue/messages.ts';
import { type Claim, startQueue } from '../../../src/queue/queue.ts';
import { callbackAttempted } from '../../../src/telemetry/events.ts';
import { silentLog } from '../../support/silent-log.ts';
import { ADMIN_KEY, type System } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

interface TestContext {
  after(fn: () => Promise<unknown> | unknown): void;
}

/** The caller's secret, from the API. */
export async function callbackSecret(system: System, key = ADMIN_KEY): Promise<string> {
  const headers = { authorization: `Bearer ${key}` };
  return (await system.request('/v1/callback-secret', { headers })).body.secret;
}

/** A batch that ends in the request that stores it, because all its jobs are invalid; it needs no worker. */
export function endedBatch(
  system: System,
  callbackUrl?: string,
  invalid: object[] = [{ n: 'none' }],
): Promise<string> {
  const jobs = invalid.map((params) => ({ namespace: 'test', action: 'echo', params }));
  return system.run(jobs, { callbackUrl, options: { skipInvalid: true } });
}

/** Gives an ended batch another callbackUrl, unchecked, and queues its callback. */
export async function callbackTo(system: System, asyncId: string, callbackUrl: string): Promise<void> {
  await system.pool.query('update batchwright.batch set callback_url = $2 where id = $1', [
    toBatchId(asyncId),
    callbackUrl,
  ]);
  const { body } = await system.rpc('repost', { async: asyncId });
  if (!body.reposted) throw new Error(`repost answered ${JSON.stringify(body)}`);
}

export interface DeliveryLine {
  number: number;
  trigger: string;
  status: number | null;
  error: string | null;
  durationMs: number;
  /** Seconds from the attempt's end to the next attempt. */
  nextInSeconds: number | null;
}

/** The log of a batch's attempts. */
export async function deliveries(system: System, asyncId: string): Promise<DeliveryLine[]> {
  const { rows } = await system.pool.query<DeliveryLine>(
    `select number, trigger, status, error, duration_ms as "durationMs",
       extract(epoch from next_attempt_at - attempted_at)::float8 - duration_ms / 1000.0::float8 as "nextInSeconds"
     from batchwright.delivery where batch_id = $1 order by number`,
    [toBatchId(asyncId)],
  );
  return rows;
}

export interface CallbackView {
  state: string | null;
  attempts: number;
}

export async function callbackOf(system: System, asyncId: string): Promise<CallbackView> {
  const { rows } = await system.pool.query<CallbackView>(
    'select callback_state as state, callback_attempts as attempts from batchwright.batch where id = $1',
    [toBatchId(asyncId)],
  );
  return rows[0] ?? { state: null, attempts: 0 };
}

/** Resolves with the callback when it has reached this state. */
export function callbackBecomes(system: System, asyncId: string, state: string): Promise<CallbackView> {
  return waitFor(
    async () => {
      const callback = await callbackOf(system, asyncId);
      return callback.state === state && callback;
    },
    { what: `the callback of ${asyncId} to be ${state}`, timeoutMs: 20_000, after: callbackAttempted },
  );
}

/** Resolves with the log when it has this many lines. */
export function attemptsLogged(system: System, asyncId: string, count: number): Promise<DeliveryLine[]> {
  return waitFor(
    async () => {
      const lines = await deliveries(system, asyncId);
      return lines.length >= count && lines;
    },
    { what: `attempt ${count} for ${asyncId}`, after: callbackAttempted },
  );
}

export interface QueuedCallback {
  attempt: number;
  trigger: string;
  generation: number;
  /** Seconds between sending the message and its due time. */
  delaySeconds: number;
}

/** The waiting or claimed messages of the batch's callback. */
export async function queuedCallbacks(system: System, asyncId: string): Promise<QueuedCallback[]> {
  const { rows } = await system.pool.query<QueuedCallback>(
    `select (data->>'attempt')::int as attempt, data->>'trigger' as trigger,
       (data->>'generation')::int as generation,
       extract(epoch from start_after - created_on)::float8 as "delaySeconds"
     from pgboss.job where name = 'callbacks' and state <= 'active' and data->>'batch' = $1 order by created_on`,
    [toBatchId(asyncId)],
  );
  return rows;
}

/** Resolves when the batch's callback needs no more work. */
export async function callbackMessagesGone(system: System, asyncId: string): Promise<void> {
  await waitFor(async () => (await queuedCallbacks(system, asyncId)).length === 0, {
    what: `the callback messages of ${asyncId} to be gone`,
    after: callbackAttempted,
  });
}

/** Makes the batch's next attempt due at once. */
export async function hastenCallback(system: System, asyncId: string): Promise<void> {
  await system.pool.query(
    `update pgboss.job set start_after = now()
     where name = 'callbacks' and state < 'active' and data->>'batch' = $1`,
    [toBatchId(asyncId)],
  );
}

export interface Delivering {
  deps: DeliverDeps;
  /** What a worker does when its grace period is over: gives up its messages and stops its lanes. */
  stop(): Promise<void>;
}

/**
 * Callback lanes that run the product's own `deliver`, in a system without a worker.
 *
 * @param options overrides: the schedule, time limits, the number of lanes, what a lane does with a claim
 */
export async function startDelivering(
  t: TestContext,
  system: System,
  {
    lanes = 16,
    handle = deliver,
    ...more
  }: Partial<DeliverDeps> & {
    lanes?: number;
    handle?: (deps: DeliverDeps, claim: Claim<CallbackMessage>) => Promise<boolean | null>;
  } = {},
): Promise<Delivering> {
  const queue = await startQueue({
    url: system.databaseUrl,
    queues: system.registry.queues,
    applicationName: 'test deliveries',
    max: 4,
    log: silentLog,
  });
  const stopping = new AbortController();
  const secret = await callbackSecret(system);
  const deps: DeliverDeps = {
    pool: system.pool,
    queue,
    groups: new CallbackGroups({ pool: more.pool ?? system.pool, queue }),
    log: pino({ level: 'silent' }),
    failures: new LimitedLog(silentLog),
    bodies: new CallbackBodies(more.pool ?? system.pool),
    allow: system.config.callbackAllow,
    retrySeconds: [0, 0, 0],
    signingSecrets: async () => [secret],
    decryptCallbackHeaders: callbackHeaderCipher(undefined).decrypt,
    stopping: stopping.signal,
    ...more,
  };
  const running = queue.callbackLanes(deps.pool, (claim) => handle(deps, claim), lanes);
  let stopped: Promise<void> | undefined;
  async function end(): Promise<void> {
    stopping.abort();
    await running.stop();
    await queue.stop();
  }
  const stop = () => {
    stopped ??= end();
    return stopped;
  };
  t.after(stop);
  return { deps, stop };
}
