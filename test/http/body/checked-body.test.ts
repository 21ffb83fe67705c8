/** Bodies that are checked before their readers get them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { BatchwrightError } from '../../../src/contract/errors.ts';
import { requireContentMd5 } from '../../../src/http/auth/content-md5.ts';
import { checkAhead } from '../../../src/http/body/check-ahead.ts';
import { waitFor } from '../../support/wait.ts';
import { startServer } from '../server/http-server.ts';
import { openPost } from './open-post.ts';

const LIMITS = { maxBodyBytes: 200_000, maxJobBytes: 1024 };
const md5 = (body: string) => createHash('md5').update(body).digest('hex');

type Reader = (request: IncomingMessage) => Promise<string>;

const readers: Record<string, Reader> = {
  iterates: (request) => text(request),
  async listens(request) {
    let read = '';
    request.on('data', (part: Buffer) => {
      read += part;
    });
    await once(request, 'end');
    return read;
  },
  async waits(request) {
    let read = '';
    request.on('readable', () => {
      for (let part = request.read(); part !== null; part = request.read()) read += part;
    });
    await once(request, 'end');
    return read;
  },
  async pauses(request) {
    request.pause();
    await new Promise(setImmediate);
    return text(request);
  },
};

/** Errors of requests that ended before their answer. */
const failures: unknown[] = [];

/** Wakes the code that waits for a request. */
const arrivals = new EventEmitter();
const seen = () => once(arrivals, 'request');

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  arrivals.emit('request');
  try {
    if (request.headers['content-md5'] !== undefined) requireContentMd5(request);
    await new Promise(setImmediate); // as the look-up of a key would
    await checkAhead(request, LIMITS);
    const read = await (readers[String(request.url).slice(1)] as Reader)(request);
    response.end(JSON.stringify({ md5: md5(read) }));
  } catch (error) {
    assert.ok(error instanceof BatchwrightError, String(error));
    failures.push(error.message);
    response.end(JSON.stringify(error.body));
  }
}

const server = await startServer({ after }, (request, response) => void answer(request, response), {
  sendMs: 400,
  everyMs: 20,
});
const { url } = server;

for (const reader of Object.keys(readers))
  describe(`a reader that ${reader}`, () => {
    for (const size of [1, 1000, 16_384, 65_536, 200_000])
      for (const pieces of [1, 3])
        test(`a reader gets all of a body of ${size} bytes in ${pieces} pieces`, async () => {
          const body = 'x'.repeat(size);
          const { request, answer } = openPost(`${url}/${reader}`, { 'content-md5': md5(body) });
          for (let piece = 0; piece < pieces; piece++) {
            const part = body.slice((size * piece) / pieces, (size * (piece + 1)) / pieces);
            await new Promise((sent) => request.write(part, sent));
          }
          request.end();
          assert.deepEqual((await answer).body, { md5: md5(body) });
        });
  });

for (const reader of ['iterates', 'listens'])
  test(`a reader that ${reader} gets an empty body that is announced as such`, async () => {
    const headers = { 'content-md5': md5(''), 'content-length': '0' };
    const { request, answer } = openPost(`${url}/${reader}`, headers);
    request.end();
    assert.deepEqual((await answer).body, { md5: md5('') });
  });

for (const reader of Object.keys(readers))
  test(`a reader that ${reader} gets an empty body that ends late`, async () => {
    const headers = { 'content-md5': md5(''), 'transfer-encoding': 'chunked' };
    const { request, answer } = openPost(`${url}/${reader}`, headers);
    const arrived = seen();
    request.flushHeaders();
    await arrived;
    await new Promise(setImmediate);
    request.end();
    assert.deepEqual((await answer).body, { md5: md5('') });
  });

test('a body that needs no check is not touched', async () => {
  const { request, answer } = openPost(`${url}/iterates`);
  request.end('abc');
  assert.deepEqual((await answer).body, { md5: md5('abc') });
});

test('a body with another MD5 is refused', async () => {
  const { request, answer } = openPost(`${url}/iterates`, { 'content-md5': md5('abc') });
  request.end('abd');
  const { body } = await answer;
  assert.deepEqual(body, { errorCode: 401, message: 'Content-MD5 is not the MD5 of the body in hex' });
});

test('a body that is too large is refused', async () => {
  const body = 'x'.repeat(200_001);
  const { request, answer } = openPost(`${url}/iterates`, { 'content-md5': md5(body) });
  request.end(body);
  assert.equal((await answer).body.errorCode, 413);
});

test('a client that stops sending is answered 408', async () => {
  const { request, answer } = openPost(`${url}/iterates`, { 'content-md5': md5('abc') });
  request.write('ab');
  assert.equal((await answer).body.errorCode, 408);
  request.destroy();
});

test('a client that is gone is not awaited', async () => {
  const { request } = openPost(`${url}/iterates`, { 'content-md5': md5('abc'), 'content-length': '3' });
  const arrived = seen();
  request.write('ab');
  await arrived;
  request.destroy();
  await waitFor(async () => failures.includes('The connection was cut'), { what: 'the end' });
});
