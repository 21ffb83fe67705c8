import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { startReceiver, verified } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackOf,
  callbackSecret,
  deliveries,
  endedBatch,
  queuedCallbacks,
  startDelivering,
} from './deliver-support.ts';

// No worker: each test starts its own lanes, with short time limits.
const system = await startSystem({ after }, { worker: false });
const secret = await callbackSecret(system);

/** Short enough for tests, long enough for two busy cores. */
const timeouts = { connectMs: 2000, idleMs: 1000, totalMs: 3000, answerBodyMs: 100 };

/** Each answers its first connection wrongly, and all others correctly. */
const BAD_RECEIVERS: Record<string, { first: (socket: Socket) => unknown; error: RegExp }> = {
  'hangs up at once': {
    first: (socket) => socket.resetAndDestroy(),
    error: /^the receiver closed the connection /,
  },
  'hangs up on the request': {
    first: (socket) => socket.once('data', () => socket.destroy()),
    error: /^the receiver closed the connection /,
  },
  'never answers': { first: (socket) => socket.resume(), error: /^the receiver did not answer in time$/ },
  'never reads': { first: (socket) => socket.pause(), error: /^the receiver did not answer in time$/ },
  'sends its headers byte by byte': {
    first: (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\nx-slow: '),
    error: /^the receiver did not answer in time$/,
  },
  'speaks no HTTP': {
    first: (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n')),
    error: /^the receiver answered something that is not HTTP$/,
  },
  'answers 500': {
    first: (socket) => socket.once('data', () => socket.end('HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n')),
    error: /^the receiver answered 500$/,
  },
  'answers 500 byte by byte': {
    first: (socket) => trickle(socket, 'HTTP/1.1 500 Oh\r\ncontent-length: 1000\r\n\r\n'),
    error: /^the receiver answered 500$/,
  },
  redirects: {
    first: (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 302 No\r\nlocation: /\r\ncontent-length: 0\r\n\r\n')),
    error: /^the receiver answered 302$/,
  },
};

function trickle(socket: Socket, head: string): void {
  socket.write(head);
  const timer = setInterval(() => socket.write('a'), 20);
  socket.on('close', () => clearInterval(timer));
}

describe('receivers that fail', () => {
  for (const [name, { first, error }] of Object.entries(BAD_RECEIVERS))
    test(`a receiver that ${name} gets the same callback again, and others get theirs meanwhile`, async (t) => {
      await startDelivering(t, system, { timeouts });
      const good = await startReceiver(t);
      const bad = await startReceiver(t, {
        connection(socket, number) {
          if (number === 1) first(socket);
          return number === 1;
        },
      });
      const asyncId = await endedBatch(system, bad.url);
      const others = await Promise.all([1, 2, 3].map(() => endedBatch(system, good.url)));
      for (const other of others)
        assert.deepEqual(await callbackBecomes(system, other, 'delivered'), {
          state: 'delivered',
          attempts: 1,
        });
      assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
        state: 'delivered',
        attempts: 2,
      });
      const [callback] = bad.callbacks;
      assert.ok(callback);
      assert.equal(verified(secret, callback).asyncId, asyncId);
      assert.match(callback.id, new RegExp(asyncId));
      const [failed, delivered] = await deliveries(system, asyncId);
      assert.match(failed?.error ?? '', error);
      assert.equal(delivered?.status, 200);
      assert.equal(bad.callbacks.length, 1);
    });

  test('a receiver that is cut off after its 200 has got the callback', async (t) => {
    await startDelivering(t, system, { timeouts });
    const receiver = await startReceiver(t, {
      answer(response: ServerResponse) {
        response.writeHead(200, { 'content-length': '1000' }).write('half');
        setImmediate(() => response.destroy());
      },
    });
    const asyncId = await endedBatch(system, receiver.url);
    assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
      state: 'delivered',
      attempts: 1,
    });
    assert.equal(receiver.callbacks.length, 1);
  });

  test('a receiver that refuses connections is an attempt that is logged and repeated on schedule', async (t) => {
    await startDelivering(t, system, { retrySeconds: [60] });
    const gone = await startReceiver(t);
    await gone.close();
    const asyncId = await endedBatch(system, gone.url);
    const [line] = await attemptsLogged(system, asyncId, 1);
    assert.equal(line?.status, null);
    assert.equal(line.error, 'connection refused');
    const [message] = await queuedCallbacks(system, asyncId);
    assert.equal(message?.attempt, 2);
    assert.equal(Math.round(message.delaySeconds), 60);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 1 });
  });

  test('a receiver whose name is unknown is an attempt that is logged and repeated', async (t) => {
    await startDelivering(t, system, { retrySeconds: [] });
    const asyncId = await endedBatch(system, 'http://nobody.knows.invalid/hook');
    await callbackBecomes(system, asyncId, 'failed');
    const [line] = await deliveries(system, asyncId);
    assert.equal(line?.error, 'the host name cannot be resolved');
  });
});
