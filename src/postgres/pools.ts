import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from '../domain/log.ts';
import { type ConnectionOptions, connectionConfig } from './connection.ts';

const { builtins } = pg.types;

/** Text as it is stored, so that a caller's JSON comes back as it was sent, and nobody parses it in vain. */
const TEXT_PARSERS: Record<number, (text: string) => unknown> = {
  [builtins.JSON]: (text) => text,
  [builtins.JSONB]: (text) => text,
  [builtins.INT8]: Number,
};

const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    const own = format === 'binary' ? undefined : TEXT_PARSERS[oid];
    return own ?? pg.types.getTypeParser(oid, format as 'text');
  },
};

/** An ended connection is closed by the server at once, unless that is frozen or out of reach. */
const CLOSE_MS = 1_000;

interface PoolOptions extends ConnectionOptions {
  /** The most connections at once. */
  max: number;
  log: Log;
  /** Its connections are for COPY, which cannot go together with statements sent one behind the other. */
  forCopy?: boolean;
  /** Resolves when a new connection may be used; it is closed when this rejects. */
  onConnect?: (client: pg.ClientBase) => Promise<void>;
  /** Its values are as `pg` parses them: for a library's statements, which expect that. */
  forLibrary?: boolean;
}

/**
 * A pool that survives the loss of connections and of the server: what is lost is logged, statements that
 * were under way reject, later ones connect anew, waiting at most 10 s for a connection.
 *
 * `end` resolves when the server has closed the connections, or is taking too long for that: the database may be
 * stopped then, and nothing is lost.
 *
 * json and jsonb columns are strings of JSON text, bigint columns are numbers. A statement is sent without
 * waiting for the answer to the one before, when the caller does not wait for it either.
 */
export function createPool({
  max,
  log,
  forCopy = false,
  forLibrary = false,
  onConnect,
  ...connection
}: PoolOptions): pg.Pool {
  const { applicationName } = connection;
  const pool = new ClosingPool({
    ...connectionConfig(connection),
    max,
    pipeline: !forCopy,
    ...(forLibrary ? {} : { types }),
    // It is awaited, whatever its type says.
    ...(onConnect && { onConnect: onConnect as (client: pg.ClientBase) => void }),
  });
  pool.on('connect', (client) => {
    client.once('error', (err) => log.warn({ err, applicationName }, 'A database connection was lost'));
    // The end of the socket comes as a second event.
    client.on('error', () => undefined);
  });
  // Repeats the errors of idle clients; the pool has no listener on the others, hence ours above.
  pool.on('error', () => undefined);
  return pool;
}

/** That of `pg` has ended when it has said goodbye to the server. */
class ClosingPool extends pg.Pool {
  /** Resolved when the connection is closed; of those that are open. */
  readonly #closed = new Map<pg.PoolClient, Promise<void>>();

  constructor(config: pg.PoolConfig) {
    super(config);
    this.on('connect', (client) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      client.once('end', () => {
        this.#closed.delete(client);
        resolve();
      });
      this.#closed.set(client, promise);
    });
  }

  override async end(): Promise<void> {
    await super.end();
    await Promise.race([Promise.all(this.#closed.values()), delay(CLOSE_MS, undefined, { ref: false })]);
  }
}
