import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setInterval as ticks } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { BatchwrightError } from '../../src/domain/errors.ts';
import { readEnvelope } from '../../src/http/body.ts';
import { openPost } from './open-post.ts';

const LIMITS = { maxBodyBytes: 1024, maxJobBytes: 1024, idleMs: 1000 };

async function countJobs(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    let jobs = 0;
    for await (const events of readEnvelope(request, LIMITS).events)
      jobs += events.filter(({ kind }) => kind === 'element').length;
    response.end(JSON.stringify({ jobs }));
  } catch (error) {
    assert.ok(error instanceof BatchwrightError, String(error));
    response.end(JSON.stringify(error.body));
  }
}

/** A server that reads a body of jobs and answers how many there were. */
async function serve(t: TestContext): Promise<string> {
  const server = createServer((request, response) => void countJobs(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

for (const encoding of ['identity', 'gzip']) {
  const text = Buffer.from('{"jobs":[1,2,3]}');
  const body = encoding === 'gzip' ? gzipSync(text) : text;

  test(`a client that falls silent is told 408, whatever it sent before (${encoding})`, async (t) => {
    const { request, answer } = openPost(await serve(t), { 'content-encoding': encoding });
    request.write(body.subarray(0, 14));
    assert.deepEqual((await answer).body, {
      errorCode: 408,
      message: 'The request body did not arrive in time',
    });
    request.destroy();
  });

  test(`a client that trickles takes as long as it likes (${encoding})`, async (t) => {
    const { request, answer } = openPost(await serve(t), { 'content-encoding': encoding });
    const startedAt = performance.now();
    const size = Math.floor(body.length / 13);
    let sent = 0;
    for await (const _ of ticks(80)) {
      if (sent >= body.length) break;
      request.write(body.subarray(sent, sent + size));
      sent += size;
    }
    request.end();
    assert.deepEqual((await answer).body, { jobs: 3 });
    assert.ok(performance.now() - startedAt > LIMITS.idleMs);
  });
}
