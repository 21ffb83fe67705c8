import { randomInt } from 'node:crypto';
import type { Client } from 'pg';
import { createClient } from '../../postgres/connection.ts';
import { holdProcessLock } from '../../store/uploads.ts';

/**
 * Shows other processes that this one is alive: an advisory lock on a random number, which Postgres releases
 * when the connection, and with it the process, is gone.
 */
export class ProcessLock {
  /** The number; the chance that another process has the same is one in two billions. */
  readonly owner = randomInt(1, 2 ** 31 - 1);
  readonly #connection: { url: string; applicationName: string };
  #holding: Promise<Client> | undefined;

  /** @param connection its url bypasses a pooler: the lock belongs to a session */
  constructor(connection: { url: string; applicationName: string }) {
    this.#connection = connection;
  }

  /** Takes the lock unless it is held. Call it regularly: the connection may have been lost. */
  async hold(): Promise<void> {
    this.#holding ??= this.#connect();
    await this.#holding;
  }

  async close(): Promise<void> {
    const client = await this.#holding?.catch(() => undefined);
    await client?.end();
  }

  async #connect(): Promise<Client> {
    const client = createClient(this.#connection);
    const lose = () => {
      this.#holding = undefined;
    };
    client.once('end', lose);
    try {
      await client.connect();
      // Otherwise the session of a lost connection still holds it.
      if (!(await holdProcessLock(client, this.owner))) await client.end();
      return client;
    } catch (error) {
      lose();
      await client.end().catch(() => {});
      throw error;
    }
  }
}
