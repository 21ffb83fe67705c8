/** Sends messages in the caller's transaction. */
import { randomUUID } from 'node:crypto';
import type { Client, ClientBase } from 'pg';
import type { JobInsert, PgBoss } from 'pg-boss';
import { hold } from './held.ts';
import {
  CALLBACK_QUEUE,
  type CallbackMessage,
  type ChunkMessage,
  chunkQueue,
  quarantineQueue,
} from './messages.ts';
import { notifyOf } from './notify.ts';
import { over } from './over.ts';
import { numberOf } from './priority.ts';

export interface SendOptions {
  /** Delay from now by the database's clock, in seconds. */
  delaySeconds?: number;
}

export interface ChunkSendOptions extends SendOptions {
  /** The rest of a chunk whose first jobs were started. */
  isRest?: boolean | undefined;
  /** No lane takes it before its batch goes on. */
  isHeld?: boolean | undefined;
}

/** Messages in one insert statement: 1,000 are about 200 KiB. */
const INSERT_SIZE = 1000;

/** The operations that send. */
export function createSending(boss: PgBoss) {
  return {
    /** One message per chunk and queue. */
    sendChunks(
      client: ClientBase,
      queue: string,
      messages: ChunkMessage[],
      { delaySeconds = 0, isRest, isHeld = false }: ChunkSendOptions = {},
    ): Promise<void> {
      const isDelayed = delaySeconds > 0;
      return send(
        boss,
        client,
        chunkQueue(queue),
        messages.map((message) => ({
          message,
          priority: numberOf(message, { isDelayed, isRest }),
          delaySeconds,
          isHeld: isHeld || message.bucket !== undefined,
        })),
      );
    },

    /**
     * Sends the message to the quarantine: its worker died. There tenants do not take turns, so that a batch's priority would
     * keep other tenants waiting: it does not count.
     */
    sendToQuarantine(
      client: ClientBase,
      queue: string,
      message: ChunkMessage,
      { isHeld = false }: { isHeld?: boolean } = {},
    ): Promise<void> {
      const priority = numberOf({ ...message, priority: 0 });
      return send(boss, client, quarantineQueue(queue), [{ message, priority, isHeld }]);
    },

    sendCallbacks(
      client: ClientBase,
      messages: readonly CallbackMessage[],
      options: SendOptions = {},
    ): Promise<void> {
      return send(
        boss,
        client,
        CALLBACK_QUEUE,
        messages.map((message) => {
          const group = { id: message.receiver, tier: message.tenant };
          return { message, priority: 0, group, ...options };
        }),
      );
    },
  };
}

async function send<T extends { batch: string }>(
  boss: PgBoss,
  client: ClientBase,
  queue: string,
  messages: {
    message: T;
    priority: number;
    delaySeconds?: number;
    group?: JobInsert['group'];
    isHeld?: boolean;
  }[],
): Promise<void> {
  // Sent before the messages without waiting, because it takes effect at the commit.
  const isDue = messages.some(({ delaySeconds, isHeld }) => !delaySeconds && !isHeld);
  const notified = isDue ? notifyOf(client, queue) : Promise.resolve();
  notified.catch(() => {}); // awaited below, unless something else fails first
  if (!(client as Client).pipeline) await notified;
  for (let from = 0; from < messages.length; from += INSERT_SIZE) {
    const jobs: JobInsert<T>[] = messages
      .slice(from, from + INSERT_SIZE)
      .map(({ message, priority, delaySeconds, group = { id: message.batch }, isHeld }) => ({
        ...(isHeld ? { id: randomUUID() } : {}),
        data: message,
        priority,
        group,
        ...(delaySeconds ? { startAfter: delaySeconds } : {}),
      }));
    await boss.insert(queue, jobs as JobInsert[], { db: over(client, { prepared: `send-${queue}` }) });
    const held = jobs.flatMap(({ id }) => id ?? []);
    if (held.length > 0) await hold(client, queue, held);
  }
  await notified;
}
