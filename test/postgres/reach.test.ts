import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, describe, type TestContext, test } from 'node:test';
import { StartError } from '../../src/domain/start-error.ts';
import { requireDatabase } from '../../src/postgres/reach.ts';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase({ after });

/** Listens until the test ends; returns the address. */
async function listen(t: TestContext, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Why the address cannot be used. */
async function reasonOf(url: string, variable = 'DATABASE_URL'): Promise<string> {
  const error = await requireDatabase(variable, url, 1000).then(
    () => assert.fail('it can be used'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StartError);
  assert.doesNotMatch(error.message, /secret/, 'the password is not shown');
  const [, reason = ''] = new RegExp(`^${variable} cannot be used: (.*)$`).exec(error.message) ?? [];
  return reason;
}

/** The server's behaviour, and the beginning of the reason. */
const OTHERS: Record<string, { server: () => Server; reason: string }> = {
  'an HTTP server': {
    server: () => createHttpServer((_request, response) => response.end()),
    reason: 'is not Postgres: it answers "HTTP/1.1 400 Bad Request"',
  },
  'an SMTP server': {
    server: () => createServer((socket) => socket.write('220 mail.example.com ESMTP\r\n')),
    reason: 'is not Postgres: it answers "220 mail.example.com ESMTP"',
  },
  'a server with a line-based protocol': {
    server: () =>
      createServer((socket) => {
        socket.on('data', (bytes) => {
          if (bytes.includes('\n')) socket.write('-ERR unknown command\r\n');
        });
      }),
    reason: 'is not Postgres: it answers "-ERR unknown command"',
  },
  'a server with a binary greeting': {
    server: () => createServer((socket) => socket.write(Buffer.from('J\0\0\0\n8.0.36\0rest', 'latin1'))),
    reason: 'is not Postgres: it answers "J???',
  },
  'a port that closes at once': {
    server: () => createServer((socket) => socket.end()),
    reason: 'closes the connection at once, which Postgres does not do',
  },
  'a port that resets the connection': {
    server: () => createServer((socket) => socket.resetAndDestroy()),
    reason: 'closes the connection at once, which Postgres does not do',
  },
  'a port that never answers': { server: () => createServer(), reason: 'does not answer' },
};

describe('servers that are not Postgres', () => {
  for (const [what, { server, reason }] of Object.entries(OTHERS))
    test(`requireDatabase refuses ${what}, with the reason`, async (t) => {
      const host = await listen(t, server());
      const found = await reasonOf(`postgres://me:secret@${host}/jobs`);
      assert.ok(found.startsWith(`${host} ${reason}`), found);
    });

  test('requireDatabase checks the other address of the database', async (t) => {
    const host = await listen(
      t,
      createServer((socket) => socket.end()),
    );
    assert.match(await reasonOf(`postgres://${host}/jobs`, 'DATABASE_DIRECT_URL'), /closes the connection/);
  });
});

describe('databases that cannot be used', () => {
  const url = new URL(database.url);
  const changed: Record<string, { change: object; reason: RegExp }> = {
    'a wrong password': { change: { password: 'secret' }, reason: /password authentication failed/ },
    'a missing database': {
      change: { pathname: '/none' },
      reason: /database "none" does not exist/,
    },
    'a port without a listener': { change: { port: '1' }, reason: /ECONNREFUSED/ },
    'a missing host': { change: { hostname: 'nowhere.invalid' }, reason: /nowhere\.invalid/ },
    'TLS that the server does not support': {
      change: { search: '?sslmode=require' },
      reason: /does not support SSL/,
    },
    'a missing certificate': {
      change: { search: '?sslmode=verify-full&sslrootcert=/no/such/file' },
      reason: /ENOENT.*\/no\/such\/file/,
    },
  };
  for (const [what, { change, reason }] of Object.entries(changed))
    test(`requireDatabase reports ${what}, with the reason`, async () => {
      assert.match(await reasonOf(Object.assign(new URL(url), change).href), reason);
    });
});

test('requireDatabase leaves a usable database unchanged', async () => {
  await requireDatabase('DATABASE_URL', database.url);
  const { rowCount } = await database.pool.query(
    `select from pg_stat_activity where datname = current_database() and application_name = 'batchwright start'`,
  );
  assert.equal(rowCount, 0);
});
