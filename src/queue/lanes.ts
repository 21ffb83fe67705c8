/** The lanes of this process: which messages they take, and what wakes them. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { PgBoss } from 'pg-boss';
import { toAsyncId } from '../domain/batch.ts';
import { LimitedLog } from '../domain/limited-log.ts';
import type { Log } from '../domain/log.ts';
import { claimRefs } from './claims.ts';
import { type Consumer, type ConsumerOptions, type Lane, startConsumer } from './consumer.ts';
import { type DuePolling, pollForDue } from './due.ts';
import { CallbackFetcher } from './fetch-callbacks.ts';
import { ChunkFetcher, type Room, SMALL_PER_LANE, sizeOfMessage } from './fetch-chunks.ts';
import { QuarantineFetcher } from './fetch-quarantine.ts';
import { type HeldBucket, HeldMessages } from './held.ts';
import { renewHeartbeats } from './keep-alive.ts';
import {
  CALLBACK_QUEUE,
  type CallbackMessage,
  type ChunkMessage,
  type Claim,
  chunkQueue,
  quarantineQueue,
} from './messages.ts';
import { listenForMessages, type MessageListener } from './notify.ts';

/** Callbacks at the same time: one that waits for its receiver costs only a socket. */
export const CALLBACK_LANES = 256;

/** Messages with jobs to start in the quarantine at the same time: one process runs them all. */
const QUARANTINE_LANES = 16;

/** Lanes of one queue; each works on one message after another. */
export type Lanes = Omit<Consumer<never>, 'add'>;

/** Lanes for chunks; they also work on held messages. */
export interface ChunkLanes extends Lanes {
  /** Buckets that have held messages, some at a time. */
  heldBuckets(): Promise<HeldBucket[]>;
  /** Works on held messages with about so many jobs, without a lane. Not while `heldBuckets` runs. */
  takeHeld(bucket: string, jobs: number): Promise<void>;
  /** Returns held messages to the queue: nothing limits the bucket any more. */
  openHeld(bucket: string): Promise<void>;
}

interface LanesOptions {
  boss: PgBoss;
  /** The queue's own pool, whose connections can keep a session. */
  pool: Pool;
  url: string;
  applicationName: string;
  log: Log;
}

export function createLanes({ boss, pool, url, applicationName, log }: LanesOptions) {
  const consumers = new Map<string, Lanes>();
  const errors = new LimitedLog(log);
  const holder = randomUUID();
  let listener: MessageListener | undefined;
  let polling: DuePolling | undefined;

  function wake(queue?: string): void {
    if (queue !== undefined) consumers.get(queue)?.wake();
    else for (const consumer of consumers.values()) consumer.wake();
  }

  function noteError(error: unknown, queue: string): void {
    const fields = () => ({ err: error, queue });
    errors.note({ level: 'error', kind: queue, fields, message: 'queue error' });
  }

  function start<Message extends { batch: string }>(
    queue: string,
    options: Pick<ConsumerOptions<Claim<Message>>, 'room' | 'sizeOf' | 'fetch' | 'handle'> & {
      wakeAtEnd?: boolean;
    },
  ): Consumer<Claim<Message>> {
    listener ??= listenForMessages({
      url,
      applicationName: `${applicationName} listener`,
      onMessage: wake,
      log,
    });
    polling ??= pollForDue({
      pool,
      queues: () => [...consumers.keys()],
      onDue: wake,
      onError: (error) => noteError(error, 'all'),
    });

    async function handle(claim: Claim<Message>, lane: Lane): Promise<void> {
      try {
        await options.handle(claim, lane);
      } catch (error) {
        const { batch } = claim.message;
        log.error({ err: error, queue, asyncId: toAsyncId(batch) }, 'a message could not be worked on');
        // If this fails too, the message's heartbeat runs out.
        await boss.fail(queue, claimRefs([claim])).catch(() => {});
      }
    }

    const consumer = startConsumer<Claim<Message>>({
      wakeAtEnd: false,
      ...options,
      handle,
      keepAlive: (claims) => renewHeartbeats(boss, queue, claims),
      onError: (error) => noteError(error, queue),
    });
    consumers.set(queue, consumer);
    return consumer;
  }

  return {
    /** @param options.room what may be fetched; see `ChunkFetcher` */
    chunks(
      name: string,
      handle: (claim: Claim<ChunkMessage>, lane: Lane) => Promise<void>,
      options: { lanes: number; room(): Room },
    ): ChunkLanes {
      const queue = chunkQueue(name);
      const fetcher = new ChunkFetcher(pool, queue, holder);
      const held = new HeldMessages(pool, queue);
      const consumer = start<ChunkMessage>(queue, {
        room: options.lanes * SMALL_PER_LANE,
        sizeOf: sizeOfMessage,
        fetch: (free) => fetcher.fetch(free, options.room()),
        handle: (claim, lane) =>
          handle(claim, lane).finally(() => {
            fetcher.release(claim);
            held.release(claim);
          }),
      });
      return {
        ...consumer,
        heldBuckets: () => held.buckets(),
        async takeHeld(bucket, jobs) {
          for (const claim of await held.claim(bucket, jobs)) consumer.add(claim);
        },
        openHeld: (bucket) => held.open(bucket),
      };
    },

    /** @param handle releases the lane when all jobs of the message are started */
    quarantine(name: string, handle: (claim: Claim<ChunkMessage>, lane: Lane) => Promise<void>): Lanes {
      const queue = quarantineQueue(name);
      const fetcher = new QuarantineFetcher(boss, queue);
      return start<ChunkMessage>(queue, {
        room: QUARANTINE_LANES,
        fetch: () => fetcher.fetch(),
        handle(claim, lane) {
          const release = () => {
            fetcher.release(claim);
            lane.release();
          };
          return handle(claim, { release }).finally(() => fetcher.release(claim));
        },
      });
    },

    /** @param handle resolves to true when the receiver answered; to null when it was not called */
    callbacks(
      callbackPool: Pool,
      handle: (claim: Claim<CallbackMessage>) => Promise<boolean | null>,
      lanes = CALLBACK_LANES,
    ): Lanes {
      const fetcher = new CallbackFetcher(callbackPool);
      return start<CallbackMessage>(CALLBACK_QUEUE, {
        room: lanes,
        fetch: async (freeLanes) => ({ claims: await fetcher.fetch(freeLanes) }),
        async handle(claim) {
          const begunAt = performance.now();
          let answered: boolean | null = null;
          try {
            answered = await handle(claim);
          } finally {
            fetcher.release(claim, answered, performance.now() - begunAt);
          }
        },
        wakeAtEnd: true,
      });
    },

    /** Stops the wake-ups; stop the lanes first. */
    async stop(): Promise<void> {
      await Promise.all([listener?.stop(), polling?.stop()]);
      errors.flush();
    },
  };
}
