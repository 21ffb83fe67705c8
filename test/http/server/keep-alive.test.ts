/** How long connections are kept, and how they end when the server does. */
import assert from 'node:assert/strict';
import type { ServerOptions, ServerResponse } from 'node:http';
import { after, type TestContext, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { startServer } from './http-server.ts';
import { answersIn, rawRequest, sendRaw } from './raw-socket.ts';

const system = await startSystem({ after }, { worker: false });
const get = rawRequest('GET', '/healthz');
/** Half of a request's head. */
const HALF = 'GET /healthz HTTP/1.1\r\nHost: te';

/** A server whose answers to `/held` the test ends; it answers all else at once. */
async function serve(t: TestContext, limits: ServerOptions = {}) {
  const held: ServerResponse[] = [];
  const server = await startServer(
    t,
    (request, response) => {
      if (request.url === '/held') held.push(response);
      else response.end('at once');
    },
    limits,
  );
  return { ...server, held };
}

test('a connection is kept for longer than proxies keep theirs, and clients get that time', async (t) => {
  const raw = sendRaw(t, system.url, get);
  await raw.until(/ok"}/);
  const [answer] = answersIn(raw.received());
  assert.equal(answer?.headers.connection, 'keep-alive');
  const [, seconds] = /^timeout=(\d+)$/.exec(answer?.headers['keep-alive'] ?? '') ?? [];
  assert.ok(Number(seconds) > 75, `${seconds} s`);
});

test('a kept connection may be idle for longer than a head may take to arrive', async (t) => {
  const { url } = await serve(t, { headersTimeout: 300, connectionsCheckingInterval: 20 });
  const kept = sendRaw(t, url, get);
  await kept.until(/at once/);
  // Its time begins after the other's answer.
  const slow = sendRaw(t, url, HALF);
  const [refusal] = answersIn(await slow.ended());
  assert.equal(refusal?.status, 408);
  assert.deepEqual(JSON.parse(refusal?.body ?? ''), {
    errorCode: 408,
    message: 'The request headers did not arrive in time',
  });
  kept.socket.write(get);
  await kept.until(/at once.*at once/s);
  // The same limit applies to the second head on a connection.
  kept.socket.write(HALF);
  const answers = answersIn(await kept.ended());
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 408],
  );
});

test('a connection without any data is closed without an answer', async (t) => {
  const { url } = await serve(t, { headersTimeout: 100, connectionsCheckingInterval: 20 });
  assert.equal(await sendRaw(t, url, '').ended(), '');
});

test('a server that stops does not wait for connections that are idle, silent or half-way through a head', async (t) => {
  const { url, close, held } = await serve(t);
  const idle = sendRaw(t, url, get);
  await idle.until(/at once/);
  const silent = sendRaw(t, url, '');
  const half = sendRaw(t, url, HALF);
  const pipelining = sendRaw(t, url, get + rawRequest('GET', '/held') + get);
  const working = sendRaw(t, url, rawRequest('GET', '/held'));
  await pipelining.until(/at once/);
  // A new connection is served after the server has read those above.
  await sendRaw(t, url, get).until(/at once/);
  assert.equal(held.length, 2);
  const closed = close(60_000);
  await Promise.all([idle.ended(), silent.ended(), half.ended()]);
  for (const response of held) response.end('in the end');
  const [own] = answersIn(await working.ended());
  assert.deepEqual([own?.status, own?.body, own?.headers.connection], [200, 'in the end', 'close']);
  assert.deepEqual(
    answersIn(await pipelining.ended()).map(({ body }) => body),
    ['at once', 'in the end'],
  );
  await closed;
});

test('a server that stops cuts answers that take longer than its grace period', async (t) => {
  const { url, close } = await serve(t);
  const working = sendRaw(t, url, rawRequest('GET', '/held'));
  await sendRaw(t, url, get).until(/at once/);
  await close(50);
  assert.doesNotMatch(await working.ended(), /HTTP/);
});
