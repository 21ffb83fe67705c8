import type { Client, ClientBase } from 'pg';
import { type Db, type JobInsert, PgBoss } from 'pg-boss';
import type { Log } from '../domain/log.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { claimRefs, narrowClaim, releaseClaim } from './claims.ts';
import { createIndexes } from './indexes.ts';
import { renewHeartbeats } from './keep-alive.ts';
import { createLanes } from './lanes.ts';
import {
  CALLBACK_QUEUE,
  type CallbackMessage,
  type ChunkMessage,
  type Claim,
  chunkQueue,
  priorityOf,
  quarantineQueue,
} from './messages.ts';
import { notifyOf } from './notify.ts';
import { SUPERVISION_SECONDS, startSupervision } from './supervision.ts';
import { setVacuum } from './vacuum.ts';

export type { Lane } from './consumer.ts';
export type { Lanes } from './lanes.ts';
export type { Claim } from './messages.ts';

export interface SendOptions {
  /** Delay from now by the database's clock, in seconds. */
  delaySeconds?: number;
}

export interface ChunkSendOptions extends SendOptions {
  /** The rest of a chunk whose first jobs were started. */
  isRest?: boolean | undefined;
}

// Chunks may run for long and heartbeats guard them, so they must not expire: pg-boss's upper limit.
// Completed rows are useless after a few minutes.
const QUEUE_OPTIONS = {
  expireInSeconds: 86_399,
  retentionSeconds: 30 * 86_400,
  deleteAfterSeconds: 120,
  // A chunk must never be abandoned: its jobs have retry limits of their own.
  retryLimit: 100_000,
  retryDelay: 0,
  heartbeatSeconds: 10,
};

/** Messages in one insert statement: 1,000 are about 200 KiB. */
const INSERT_SIZE = 1000;

export type Queue = Awaited<ReturnType<typeof startQueue>>;

/**
 * Wraps pg-boss in the few operations that the pipeline needs. Sending and settling use the client of the
 * caller's transaction, so that they are committed or rolled back with it.
 *
 * @param options.queues the queues that actions name; workers and the API use the same list
 */
export async function startQueue(options: {
  url: string;
  queues: readonly string[];
  applicationName: string;
  max: number;
  log: Log;
}) {
  const { url, applicationName, log } = options;
  const pool = createPool({ ...options, forLibrary: true });
  const ping = createPing(pool);
  const boss = new PgBoss({
    db: { executeSql: (text, values) => pool.query(text, values) },
    schema: 'pgboss',
    schedule: false,
    supervise: false,
    superviseIntervalSeconds: SUPERVISION_SECONDS,
    monitorIntervalSeconds: SUPERVISION_SECONDS,
    maintenanceIntervalSeconds: 60,
    persistWarnings: false,
  });
  // Lost connections are reported here; pg-boss continues polling until the database is back.
  const onError = (error: unknown) => log.error({ err: error }, 'queue error');
  boss.on('error', onError);
  boss.on('warning', (warning) => log.warn({ warning }, 'queue warning'));
  await boss.start();
  let running = true;
  for (const queue of options.queues) {
    await boss.createQueue(chunkQueue(queue), QUEUE_OPTIONS);
    await boss.createQueue(quarantineQueue(queue), QUEUE_OPTIONS);
  }
  await boss.createQueue(CALLBACK_QUEUE, QUEUE_OPTIONS);
  await setVacuum(boss);
  await createIndexes(boss);
  const supervision = startSupervision(boss, ping, onError);
  const lanes = createLanes({ boss, pool, url, applicationName, log });

  async function send<T extends { batch: string }>(
    client: ClientBase,
    queue: string,
    messages: { message: T; priority: number; delaySeconds?: number; group?: JobInsert['group'] }[],
  ): Promise<void> {
    // Sent before the messages without waiting, because it takes effect at the commit.
    const isDue = messages.some(({ delaySeconds }) => !delaySeconds);
    const notified = isDue ? notifyOf(client, queue) : Promise.resolve();
    notified.catch(() => {}); // awaited below, unless something else fails first
    if (!(client as Client).pipeline) await notified;
    for (let from = 0; from < messages.length; from += INSERT_SIZE) {
      const jobs: JobInsert<T>[] = messages
        .slice(from, from + INSERT_SIZE)
        .map(({ message, priority, delaySeconds, group = { id: message.batch } }) => ({
          data: message,
          priority,
          group,
          ...(delaySeconds ? { startAfter: delaySeconds } : {}),
        }));
      await boss.insert(queue, jobs as JobInsert[], { db: over(client, { prepared: `send-${queue}` }) });
    }
    await notified;
  }

  async function completeAll(
    client: ClientBase,
    queue: string,
    claims: readonly Claim<unknown>[],
    onSent?: () => void,
  ): Promise<boolean> {
    const db = over(client, { onSent });
    return affected(await boss.complete(queue, claimRefs(claims), undefined, { db })) === claims.length;
  }

  return {
    /** One message per chunk and queue. */
    sendChunks(
      client: ClientBase,
      queue: string,
      messages: ChunkMessage[],
      { delaySeconds = 0, isRest }: ChunkSendOptions = {},
    ): Promise<void> {
      const isDelayed = delaySeconds > 0;
      return send(
        client,
        chunkQueue(queue),
        messages.map((message) => ({
          message,
          priority: priorityOf(message, { isDelayed, isRest }),
          delaySeconds,
        })),
      );
    },

    /** Sends the message to the quarantine: its worker died. */
    sendToQuarantine(client: ClientBase, queue: string, message: ChunkMessage): Promise<void> {
      return send(client, quarantineQueue(queue), [{ message, priority: priorityOf(message) }]);
    },

    sendCallbacks(
      client: ClientBase,
      messages: readonly CallbackMessage[],
      options: SendOptions = {},
    ): Promise<void> {
      return send(
        client,
        CALLBACK_QUEUE,
        messages.map((message) => {
          const group = { id: message.receiver, tier: message.tenant };
          return { message, priority: 0, group, ...options };
        }),
      );
    },

    /**
     * False when another lane has the claim: the caller must roll back.
     *
     * @param onSent called when the statement was sent: statements that the caller sends then come after it
     */
    complete(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      return completeAll(client, claim.queue, [claim], onSent);
    },

    /** The same for several messages of one queue: false when one of the claims is lost. */
    completeAll,

    /** Renews only the heartbeat, when the transaction that should have done so was rolled back. */
    renew: (claim: Claim<unknown>) => renewHeartbeats(boss, claim.queue, [claim]),

    /** Renews the heartbeat and locks the message's row; otherwise like `complete`. */
    async touch(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      const db = over(client, { onSent });
      return affected(await boss.touch(claim.queue, claimRefs([claim]), { db })) === 1;
    },

    /** Limits the message to these jobs; otherwise like `touch`. */
    narrow: (
      client: ClientBase,
      claim: Claim<ChunkMessage>,
      indexes: readonly number[],
      onSent?: () => void,
    ) => narrowClaim(client, claim, indexes, onSent),

    /** Returns a message to the queue as if it had not been claimed; none of its jobs was started. */
    release: (client: ClientBase, claim: Claim<ChunkMessage>) => releaseClaim(client, claim),

    chunkLanes: lanes.chunks,
    quarantineLanes: lanes.quarantine,
    callbackLanes: lanes.callbacks,

    /** True while the queue's own connections reach the database; false after the stop. */
    isReachable: async () => running && (await ping()),

    /** Stops fetching and closes the connections; stop the lanes first. */
    async stop(): Promise<void> {
      running = false;
      await Promise.all([lanes.stop(), supervision.stop()]);
      await boss.stop({ graceful: true, timeout: 5_000 });
      await pool.end();
    },
  };
}

/** pg-boss returns the number of changed rows, although its declared type does not say so. */
function affected(response: object): number | undefined {
  return (response as { affected?: number }).affected;
}

/**
 * Runs pg-boss's statements on the caller's client, inside the caller's transaction.
 *
 * @param options.prepared the name of the prepared statement, for one whose text never changes and whose plan
 * does not depend on the size of pg-boss's tables
 * @param options.onSent called when a statement was sent
 */
function over(client: ClientBase, options: { prepared?: string; onSent?: (() => void) | undefined }): Db {
  const { prepared, onSent } = options;
  return {
    executeSql(text: string, values: unknown[] = []) {
      const answer = client.query(
        prepared === undefined ? { text, values } : { name: prepared, text, values },
      );
      onSent?.();
      return answer;
    },
  } as Db;
}
