/** How long a client may take to send its body, for every kind of reader. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { setInterval as ticks } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { readEnvelope, readParams } from '../../../src/http/body/body.ts';
import { readLines } from '../../../src/http/body/lines.ts';
import { readObject } from '../../../src/http/body/members.ts';
import { errorHandler } from '../../../src/http/error-handler.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { startServer } from '../server/http-server.ts';
import { answersIn, rawRequest, sendRaw } from '../server/raw-socket.ts';
import { openPost } from './open-post.ts';

const LIMITS = { maxBodyBytes: 2 ** 20, maxJobBytes: 2 ** 20 };
const PATIENCE_MS = 1000;
const TIMEOUT = { errorCode: 408, message: 'The request body did not arrive in time' };

async function countJobs(events: AsyncIterable<readonly { kind: string }[]>): Promise<object> {
  let jobs = 0;
  for await (const some of events) jobs += some.filter(({ kind }) => kind === 'element').length;
  return { jobs };
}

/** All readers of bodies, each answering with the body that it read; the last two as a plugin may do. */
const readers: Record<string, (request: IncomingMessage) => Promise<unknown>> = {
  jobs: (request) => countJobs(readEnvelope(request, LIMITS).events),
  lines: (request) => countJobs(readLines(request, LIMITS, {}).events),
  params: async (request) => JSON.parse(String(await readParams(request, LIMITS))),
  object: readObject,
  iterated: json,
  piped: async (request) => ({ bytes: (await text(request)).length }),
};

/** A server that reads bodies in the way that the path names, with short time limits. */
function serve(t: TestContext): Promise<{ url: string }> {
  const app = express();
  app.post('/:reader', async (request, response) => {
    response.json(await (readers[request.params.reader] as (typeof readers)[string])(request));
  });
  app.use(errorHandler(silentPluginLog));
  return startServer(t, app, { sendMs: PATIENCE_MS, everyMs: 20 });
}

for (const [reader, body] of Object.entries({
  jobs: '{"jobs":[1,2,3]}',
  lines: '{"a":1}\n{"a":2}\n',
  params: '{"a":[1,2,3]}',
  object: '{"a":[1,2,3]}',
  iterated: '{"a":[1,2,3]}',
  piped: 'abcdefghijklm',
}))
  describe(`a client whose body is read as ${reader}`, () => {
    for (const [what, sent] of [
      ['nothing', ''],
      ['the beginning', body.slice(0, 10)],
    ] as const)
      test(`a client that sends ${what} and then nothing is answered 408`, async (t) => {
        const { url } = await serve(t);
        const { request, answer } = openPost(`${url}/${reader}`);
        request.flushHeaders();
        if (sent) request.write(sent);
        const { status, body: error } = await answer;
        assert.deepEqual([status, error], [408, TIMEOUT]);
        request.destroy();
      });

    test('a client that sends a blank now and then is answered 408', async (t) => {
      const { url } = await serve(t);
      const { request, answer } = openPost(`${url}/${reader}`);
      request.write(body.slice(0, 5));
      const dribble = setInterval(() => request.write(' '), 50);
      t.after(() => clearInterval(dribble));
      const { status, body: error } = await answer;
      assert.deepEqual([status, error], [408, TIMEOUT]);
      request.destroy();
    });
  });

describe('A client', () => {
  test('a client that sends less than its Content-Length is answered 408, and its connection ends', async (t) => {
    const { url } = await serve(t);
    const raw = sendRaw(t, url, rawRequest('POST', '/jobs', { headers: { 'Content-Length': '1000' } }));
    const [answer] = answersIn(await raw.ended());
    assert.deepEqual([answer?.status, answer?.headers.connection], [408, 'close']);
  });

  test('a client that sends chunks of a byte each too slowly is answered 408', async (t) => {
    const { url } = await serve(t);
    const raw = sendRaw(
      t,
      url,
      rawRequest('POST', '/lines', { headers: { 'Transfer-Encoding': 'chunked' } }),
    );
    const dribble = setInterval(() => raw.socket.write('1\r\n \r\n'), 100);
    t.after(() => clearInterval(dribble));
    const [answer] = answersIn(await raw.ended());
    assert.equal(answer?.status, 408);
  });

  test('a client that sends much at first and then stops is answered 408', async (t) => {
    const { url } = await serve(t);
    const { request, answer } = openPost(`${url}/jobs`);
    request.write(`{"jobs":[${'1,'.repeat(200_000)}`);
    // 400 KB at the lowest rate are 800 s, longer than a test may take.
    assert.equal((await answer).status, 408);
    request.destroy();
  });

  test('a client that sends nothing after 100 Continue is answered 408', async (t) => {
    const { url } = await serve(t);
    const raw = sendRaw(
      t,
      url,
      rawRequest('POST', '/jobs', { headers: { Expect: '100-continue', 'Content-Length': '16' } }),
    );
    const received = await raw.ended();
    assert.match(received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /);
  });

  test('a slow client is answered 408 after the answers to its earlier requests', async (t) => {
    const { url } = await serve(t);
    const first = rawRequest('POST', '/jobs', { body: '{"jobs":[1,2,3]}' });
    const second = rawRequest('POST', '/jobs', { headers: { 'Content-Length': '16' } });
    const answers = answersIn(await sendRaw(t, url, first + second).ended());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 408],
    );
  });

  for (const encoding of ['identity', 'gzip'])
    test(`a client that sends 500 bytes per second may take any time (${encoding})`, async (t) => {
      const { url } = await serve(t);
      const jobs = Array.from({ length: 4000 }, () => Math.random());
      const plain = Buffer.from(JSON.stringify({ jobs }));
      const body = encoding === 'gzip' ? gzipSync(plain) : plain;
      const { request, answer } = openPost(`${url}/jobs`, { 'content-encoding': encoding });
      const startedAt = performance.now();
      const size = Math.ceil(body.length / 25);
      let sent = 0;
      for await (const _ of ticks(80)) {
        if (sent >= body.length) break;
        request.write(body.subarray(sent, sent + size));
        sent += size;
      }
      request.end();
      assert.deepEqual((await answer).body, { jobs: 4000 });
      assert.ok(performance.now() - startedAt > PATIENCE_MS);
    });

  test('the time that a body waits to be read does not count against the client', async (t) => {
    let read = () => {};
    const reads = new Promise<void>((resolve) => {
      read = resolve;
    });
    const app = express();
    app.post('/', async (request, response) => {
      await reads;
      response.json({ bytes: (await text(request)).length });
    });
    const { url } = await startServer(t, app, { sendMs: 300, everyMs: 20 });
    const waiting = openPost(url);
    waiting.request.write('abc');
    // Another client's time ends meanwhile: it is read from the start.
    const silent = await serve(t);
    const other = openPost(`${silent.url}/jobs`);
    other.request.flushHeaders();
    assert.equal((await other.answer).status, 408);
    other.request.destroy();
    read();
    waiting.request.end('def');
    assert.deepEqual((await waiting.answer).body, { bytes: 6 });
  });
});
