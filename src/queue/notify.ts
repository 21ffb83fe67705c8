/** Announces a sent message with NOTIFY, which is delivered when the sender's transaction commits. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientBase, Pool } from 'pg';
import { createClient } from '../postgres/connection.ts';

const CHANNEL = 'batchwright_queue';
const RECONNECT_MS = 1000;

/** Notifies the listeners of the queue when the client's transaction commits. */
export async function notifyOf(client: ClientBase | Pool, queue: string): Promise<void> {
  await client.query({ name: 'notify', text: `select pg_notify('${CHANNEL}', $1)`, values: [queue] });
}

export interface MessageListener {
  stop(): Promise<void>;
}

/**
 * Listens on its own connection, and on a new one when that is lost. Where NOTIFY does not work (PgBouncer in
 * transaction mode), messages are still found by polling, a little later.
 *
 * @param options.onMessage gets the queue; undefined when notifications may have been missed
 */
export function listenForMessages(options: {
  url: string;
  applicationName: string;
  onMessage(queue?: string): void;
  log: { warn(fields: object, message: string): void };
}): MessageListener {
  const stopping = new AbortController();
  let client: Client | undefined;

  async function listen(): Promise<void> {
    client = createClient(options);
    client.on('notification', ({ payload }) => options.onMessage(payload));
    const ended = once(client, 'end');
    ended.catch(() => {}); // awaited below, unless something else fails first
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    options.onMessage();
    await ended;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await listen().catch((error: unknown) => {
        if (!stopping.signal.aborted) options.log.warn({ err: error }, 'the queue cannot be listened to');
      });
      await client?.end().catch(() => {});
      await delay(RECONNECT_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const ended = run();
  return {
    async stop() {
      stopping.abort();
      await client?.end().catch(() => {});
      await ended;
    },
  };
}
