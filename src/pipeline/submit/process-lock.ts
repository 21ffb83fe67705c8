import { randomInt } from 'node:crypto';
import type { Client } from 'pg';
import { createClient } from '../../postgres/connection.ts';
import { holdProcessLock } from '../../store/uploads.ts';

/**
 * Shows other processes that this one lives: a lock on a number of its own, which Postgres drops as soon as the
 * connection is gone, and with it the process.
 */
export class ProcessLock {
  /** The number; another process has it by an accident of one in two billions. */
  readonly owner = randomInt(1, 2 ** 31 - 1);
  readonly #connection: { url: string; applicationName: string };
  #holding: Promise<Client> | undefined;

  /** @param connection its url leads to the database past a pooler: the lock belongs to a session */
  constructor(connection: { url: string; applicationName: string }) {
    this.#connection = connection;
  }

  /** Takes the lock, unless it is held. To be called again now and then: the connection may have been lost. */
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
      // Else the session of a connection that was lost has it still.
      if (!(await holdProcessLock(client, this.owner))) await client.end();
      return client;
    } catch (error) {
      lose();
      await client.end().catch(() => {});
      throw error;
    }
  }
}
