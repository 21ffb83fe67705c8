import type { Client, ClientBase, Pool } from 'pg';
import { type Db, type Job, type JobInsert, PgBoss } from 'pg-boss';
import { toAsyncId } from '../domain/batch.ts';
import type { Log } from '../domain/log.ts';
import { createPing } from '../postgres/ping.ts';
import { createPool } from '../postgres/pools.ts';
import { type Consumer, startConsumer } from './consumer.ts';
import { type Doorbell, listenForRings, ring } from './doorbell.ts';
import { CallbackFetcher } from './fetch-callbacks.ts';
import { createIndexes } from './indexes.ts';
import { renewHeartbeats } from './keep-alive.ts';
import {
  CALLBACK_QUEUE,
  type CallbackMessage,
  type ChunkMessage,
  type Claim,
  chunkQueue,
  quarantineQueue,
} from './messages.ts';
import { setVacuum } from './vacuum.ts';

export type { Claim } from './messages.ts';

export interface LaneOptions {
  /** Messages at once. */
  lanes: number;
  /** Takes only messages of this priority or lower, so that the tails of large batches get on. */
  maxPriority?: number;
}

/** Lanes of one queue, each of which works on one message after the other. */
export type Lanes = Pick<Consumer, 'stop' | 'addSlot' | 'removeSlot'>;

/** Later than now by the database's clock, in seconds. */
export interface SendOptions {
  delaySeconds?: number;
}

// Chunks may run for long and are guarded by heartbeats, so nothing may expire them earlier: pg-boss's
// upper limit. Completed rows are of no use to anybody after a few minutes.
const QUEUE_OPTIONS = {
  expireInSeconds: 86_399,
  retentionSeconds: 30 * 86_400,
  deleteAfterSeconds: 120,
  // A chunk must never be stranded: its jobs have retry limits of their own.
  retryLimit: 100_000,
  retryDelay: 0,
  heartbeatSeconds: 10,
};

/** Callbacks at once: one that waits for its receiver costs a socket, and no more. */
const CALLBACK_LANES = 128;

/** How many messages one insert statement carries: 1,000 are some 200 KiB. */
const INSERT_SIZE = 1000;

export type Queue = Awaited<ReturnType<typeof startQueue>>;

/**
 * pg-boss behind the few verbs that the pipeline needs. Sending and settling take the client of the
 * caller's transaction: they happen together with what they stand for, or not at all.
 *
 * @param options.queues the queues that actions name; lanes of ROLE worker and senders of ROLE api agree on them
 */
export async function startQueue(options: {
  url: string;
  queues: readonly string[];
  applicationName: string;
  max: number;
  log: Log;
}) {
  const { log } = options;
  const pool = createPool({ ...options, forLibrary: true });
  const ping = createPing(pool);
  const boss = new PgBoss({
    db: { executeSql: (text, values) => pool.query(text, values) },
    schema: 'pgboss',
    schedule: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    maintenanceIntervalSeconds: 60,
    persistWarnings: false,
  });
  // Lost connections are reported here; pg-boss goes on polling until the database is back.
  boss.on('error', (error) => log.error({ err: error }, 'queue error'));
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

  async function send<T extends { batch: string }>(
    client: ClientBase,
    queue: string,
    messages: { message: T; priority: number; delaySeconds?: number; group?: JobInsert['group'] }[],
  ): Promise<void> {
    // Before the messages, for it is heard at the commit: so that one need not wait for the other.
    const isDue = messages.some(({ delaySeconds }) => !delaySeconds);
    const rung = isDue ? ring(client, queue) : Promise.resolve();
    rung.catch(() => {}); // awaited below, unless something else fails before
    if (!(client as Client).pipeline) await rung;
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
    await rung;
  }

  /** By queue. Those that take anything come first: they wake the others when there is more than they can take. */
  const consumers = new Map<string, Consumer[]>();
  let doorbell: Doorbell | undefined;

  function wake(queue?: string): void {
    if (queue !== undefined) consumers.get(queue)?.[0]?.wake();
    else for (const consumer of [...consumers.values()].flat()) consumer.wake();
  }

  function startLanes<Message extends { batch: string }>(
    queue: string,
    handle: (claim: Claim<Message>) => Promise<void>,
    { lanes, ...fetchOptions }: LaneOptions,
    fetchFairly?: (freeLanes: number) => Promise<Claim<Message>[]>,
  ): Lanes {
    doorbell ??= listenForRings({
      url: options.url,
      applicationName: `${options.applicationName} bell`,
      onRing: wake,
      log,
    });

    async function work(claim: Claim<Message>): Promise<void> {
      try {
        await handle(claim);
      } catch (error) {
        const { batch } = claim.message;
        log.error({ err: error, queue, asyncId: toAsyncId(batch) }, 'a message could not be worked on');
        // When even this fails its heartbeat runs out.
        await boss.fail(queue, claimRef(claim)).catch(() => {});
      }
    }

    const siblings = consumers.get(queue) ?? [];
    consumers.set(queue, siblings);
    const consumer: Consumer = startConsumer<Claim<Message>>({
      slots: lanes,
      async fetch(batchSize) {
        if (fetchFairly) return fetchFairly(batchSize);
        const jobs = await boss.fetch<Message>(queue, { batchSize, ...fetchOptions });
        // Priority is minus the chunk's number: after a later chunk there may be more of its like.
        if (jobs.length === batchSize && jobs.some(({ data }) => 'chunk' in data && data.chunk !== 0))
          for (const other of siblings) if (other !== consumer) other.wake();
        return jobs.map((job) => claimOf(queue, job));
      },
      handle: work,
      keepAlive: (claims) => renewHeartbeats(boss, queue, claims),
      wakeAtEnd: fetchFairly !== undefined,
      onError: (error) => log.error({ err: error, queue }, 'queue error'),
    });
    siblings.push(consumer);
    return consumer;
  }

  return {
    /** One message a chunk and queue; the first chunks of all batches before the later ones of any. */
    sendChunks(
      client: ClientBase,
      queue: string,
      messages: ChunkMessage[],
      options: SendOptions = {},
    ): Promise<void> {
      return send(
        client,
        chunkQueue(queue),
        messages.map((message) => ({ message, priority: -message.chunk, ...options })),
      );
    },

    /** The same to the queue of chunks whose worker died. */
    sendToQuarantine(client: ClientBase, queue: string, message: ChunkMessage): Promise<void> {
      return send(client, quarantineQueue(queue), [{ message, priority: -message.chunk }]);
    },

    sendCallback(client: ClientBase, message: CallbackMessage, options: SendOptions = {}): Promise<void> {
      const group = { id: message.receiver, tier: message.tenant };
      return send(client, CALLBACK_QUEUE, [{ message, priority: 0, group, ...options }]);
    },

    /**
     * False when the claim is no longer ours: the caller must roll back.
     *
     * @param onSent called when the statement is on its way: what the caller sends then comes after it
     */
    async complete(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      const db = over(client, { onSent });
      return affectedOne(await boss.complete(claim.queue, claimRef(claim), undefined, { db }));
    },

    /** Renews the heartbeat by itself, for when the transaction that was to do so has been rolled back. */
    renew: (claim: Claim<unknown>) => renewHeartbeats(boss, claim.queue, [claim]),

    /** Renews the heartbeat and holds the message's row; all else as `complete`. */
    async touch(client: ClientBase, claim: Claim<unknown>, onSent?: () => void): Promise<boolean> {
      const db = over(client, { onSent });
      return affectedOne(await boss.touch(claim.queue, claimRef(claim), { db }));
    },

    chunkLanes: (
      queue: string,
      handle: (claim: Claim<ChunkMessage>) => Promise<void>,
      laneOptions: LaneOptions,
    ) => startLanes(chunkQueue(queue), handle, laneOptions),
    quarantineLane: (queue: string, handle: (claim: Claim<ChunkMessage>) => Promise<void>) =>
      startLanes(quarantineQueue(queue), handle, { lanes: 1 }),
    /** @param handle resolves to whether the receiver answered; to null when it was not called */
    callbackLanes(
      pool: Pool,
      handle: (claim: Claim<CallbackMessage>) => Promise<boolean | null>,
      lanes = CALLBACK_LANES,
    ): Lanes {
      const fetcher = new CallbackFetcher(pool);
      async function deliver(claim: Claim<CallbackMessage>): Promise<void> {
        let answered: boolean | null = null;
        try {
          answered = await handle(claim);
        } finally {
          fetcher.release(claim, answered);
        }
      }
      return startLanes(CALLBACK_QUEUE, deliver, { lanes }, (freeLanes) => fetcher.fetch(freeLanes));
    },

    /** True while the queue's own connections reach the database; false after the stop. */
    answers: async () => running && (await ping()),

    /** Stops fetching and closes the connections; lanes are to be stopped before. */
    async stop(): Promise<void> {
      running = false;
      await doorbell?.stop();
      await boss.stop({ graceful: true, timeout: 5_000 });
      await pool.end();
    },
  };
}

function claimOf<Message>(queue: string, job: Job<Message>): Claim<Message> {
  return { id: job.id, queue, retryCount: job.retryCount, message: job.data };
}

function claimRef(claim: Claim<unknown>) {
  return [{ id: claim.id, retryCount: claim.retryCount }];
}

/** pg-boss counts the rows it changed, although its declared type does not say so. */
function affectedOne(response: object): boolean {
  return (response as { affected?: number }).affected === 1;
}

/**
 * pg-boss's statements on the caller's client, inside the caller's transaction.
 *
 * @param options.prepared the name to prepare the statement under: for one whose plan does not depend on how
 *   large pg-boss's tables are, and whose text is always the same
 * @param options.onSent called when a statement is on its way
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
