/** `Expect: 100-continue`: a client is asked for its body only when it is wanted. On bare sockets. */
import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import express from 'express';
import { startSystem } from '../../support/system.ts';
import { echo, storedJobs } from '../v1/support.ts';
import { startServer } from './http-server.ts';
import { answersIn, rawRequest, sendRaw } from './raw-socket.ts';

const system = await startSystem({ after }, { worker: false, env: { MAX_BODY_BYTES: '1000' } });
const { url, pool } = system;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const body = JSON.stringify({ jobs: [echo(1)] });

/** The head of a request whose body is held back. */
const head = (path: string, { length = body.length, headers = {}, method = 'POST' } = {}) =>
  rawRequest(method, path, {
    headers: { Expect: '100-continue', 'Content-Length': String(length), ...headers },
  });

/** Asserts one final answer of the status, without 100, and the end of the connection. */
async function assertFinal(t: TestContext, sent: string, status: number, at = url) {
  const received = await sendRaw(t, at, sent).ended();
  const answers = answersIn(received);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    [status],
    received,
  );
  assert.equal(answers[0]?.headers.connection, 'close');
  return answers[0];
}

describe('wanted bodies', () => {
  for (const [path, status] of [
    ['/batch?action=run', 200],
    ['/batch?action=validate', 200],
    ['/v1/batches', 202],
  ] as const)
    test(`a wanted body is requested with 100, and accepted (${path})`, async (t) => {
      const raw = sendRaw(t, url, head(path));
      assert.equal(await raw.until(/\r\n\r\n/), CONTINUE);
      raw.socket.write(body);
      await raw.until(/}$/);
      const [answer] = answersIn(raw.received().slice(CONTINUE.length));
      assert.equal(answer?.status, status);
      if (path !== '/batch?action=validate')
        assert.deepEqual(await storedJobs(pool, JSON.parse(answer?.body ?? '').asyncId), [echo(1)]);
      // The connection continues as usual.
      assert.equal(answer?.headers.connection, 'keep-alive');
      raw.socket.write(rawRequest('GET', '/healthz'));
      await raw.until(/"ok"}$/);
    });

  test('a wanted body is accepted from a client that sends it without waiting', async (t) => {
    const raw = sendRaw(t, url, head('/batch?action=run') + body);
    await raw.until(/asyncId/);
    assert.equal(answersIn(raw.received().replace(CONTINUE, ''))[0]?.status, 200);
  });

  test('a wanted body is requested when a plugin reads it itself', async (t) => {
    const app = express();
    app.post('/', express.json(), (request, response) => {
      response.json(request.body);
    });
    const { url: at } = await startServer(t, app);
    const raw = sendRaw(t, at, head('/', { length: 7, headers: { 'Content-Type': 'application/json' } }));
    assert.equal(await raw.until(/\r\n\r\n/), CONTINUE);
    raw.socket.write('{"a":1}');
    await raw.until(/{"a":1}$/);
  });
});

describe('unwanted bodies, which are never requested', () => {
  test('an answer to a client that holds its body back does not wait for the body, as one to a client that sends it does', async (t) => {
    const sending = head('/nothing').replace('Expect: 100-continue\r\n', '');
    const waiting = sendRaw(t, url, sending);
    let hasEnded = false;
    const ended = waiting.ended().then(() => {
      hasEnded = true;
    });
    await waiting.until(/^HTTP\/1\.1 404 /);
    await assertFinal(t, head('/nothing'), 404);
    assert.equal(hasEnded, false);
    await ended;
  });

  test('the body of a request with a wrong key is not requested', async (t) => {
    for (const path of ['/batch?action=run', '/v1/batches', '/api/1.0/test?action=echo', '/v1/keys'])
      await assertFinal(t, head(path, { headers: { Authorization: 'Bearer wrong' } }), 401);
  });

  test('a body with a too large length is not requested', async (t) => {
    for (const path of [
      '/batch?action=run',
      '/batch?action=validate',
      '/v1/batches',
      '/api/1.0/test?action=echo',
    ])
      await assertFinal(t, head(path, { length: 1001 }), 413);
    await assertFinal(t, head('/batch?action=progress', { length: 2 ** 30 }), 413);
  });

  test('a body for an unknown address, method or encoding is not requested', async (t) => {
    await assertFinal(t, head('/nothing'), 404);
    await assertFinal(t, head('/v1/batches', { method: 'PUT' }), 405);
    await assertFinal(t, head('/batch?action=run', { headers: { 'Content-Encoding': 'zstd' } }), 415);
    await assertFinal(t, head('/healthz', { method: 'GET' }), 200);
  });

  test('a request with another expectation is 417 in the usual form of errors', async (t) => {
    for (const expect of ['200-ok', '100-continued', 'a=b'])
      for (const [path, type] of [
        ['/batch?action=run', /^application\/json/],
        ['/v1/batches', /^application\/problem\+json/],
      ] as const) {
        const answer = await assertFinal(t, head(path, { headers: { Expect: expect } }), 417);
        assert.match(answer?.headers['content-type'] ?? '', type);
        assert.match(answer?.body ?? '', /100-continue/);
      }
  });
});
