/** Which requests of the `http` service share a connection, and what happens when the receiver closes it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failureOf, forGood, send, service } from './http-requests.ts';
import { startHttpServer, startTcpServer, stubLookup } from './loopback.ts';

const KIB = 1024;

test('a connection serves one request after another, whatever they are answered', async (t) => {
  const server = await startHttpServer(t, async (request, response) => {
    await request.resume().toArray();
    response.writeHead(Number(request.url?.slice(1))).end('x'.repeat(10 * KIB));
  });
  for (let round = 0; round < 3; round++) {
    await send({ url: `${server.url}/200` });
    await send({ url: `${server.url}/200`, method: 'POST', body: 'x', idempotencyKey: 'k' });
    await failureOf({ url: `${server.url}/404` });
    await failureOf({ url: `${server.url}/503` });
  }
  assert.equal(server.connections, 1);
});

test('requests at the same time have a connection each, and no more are made', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  const sendMany = async () => {
    for (let sent = 0; sent < 20; sent++) await send({ url: server.url });
  };
  await Promise.all(Array.from({ length: 5 }, sendMany));
  assert.equal(server.connections, 5);
});

test('an address is checked at each connection that is made', async (t) => {
  const server = await startHttpServer(t, (_request, response) =>
    response.setHeader('connection', 'close').end(),
  );
  const http = service('127.0.0.1', stubLookup(['127.0.0.1'], ['10.0.0.1']));
  const url = `http://hook.example.test:${server.port}/`;
  assert.equal((await http({ url })).status, 200);
  await assert.rejects(
    http({ url }),
    forGood('hook.example.test is not among the hosts that HTTP_ALLOW names'),
  );
});

test('a request over a kept connection that the receiver resets is sent again, once', async (t) => {
  for (const request of [{ method: 'GET' }, { method: 'DELETE' }, { json: 1, idempotencyKey: 'k' }]) {
    const server = await startResetting(t, (connection) => connection === 1);
    await send({ url: server.url, ...request });
    assert.equal((await send({ url: server.url, ...request })).status, 200);
    assert.deepEqual([server.connections, server.requests.length], [2, 3]);
    const [, first, second] = server.requests;
    assert.equal(first, second);
  }
});

test('a request whose new connection is reset as well fails, and may run again', async (t) => {
  const server = await startResetting(t, () => true);
  await send({ url: server.url });
  const error = await failureOf({ url: server.url });
  assert.deepEqual([error.name, error.options.errorCode], ['RetryLaterError', 502]);
  assert.equal(server.requests.length, 3);
});

test('a POST without an Idempotency-Key is sent over a connection of its own, once', async (t) => {
  const server = await startResetting(t, (connection) => connection > 1);
  await send({ url: server.url });
  await failureOf({ url: server.url, method: 'POST' });
  assert.deepEqual([server.connections, server.requests.length], [2, 2]);
});

/** A server that may reset its first connection at the second request, and each further one at the first. */
async function startResetting(t: TestContext, resets: (connection: number) => boolean) {
  const requests: string[] = [];
  let connections = 0;
  const server = await startTcpServer(t, (socket) => {
    const connection = ++connections;
    let served = 0;
    socket.on('data', (data) => {
      requests.push(data.toString());
      served += 1;
      if (resets(connection) && (served > 1 || connection > 1)) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  return Object.assign(server, { requests });
}
