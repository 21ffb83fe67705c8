/** Incoming bodies: encodings, limits, and clients that stop in the middle. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { storedJobsText } from '../../support/stored-jobs.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';
import { openUploads } from '../v1/support.ts';

const MAX_BODY_BYTES = 2 * 1024 * 1024;
const MAX_JOB_BYTES = 512 * 1024;
const system = await startSystem(
  { after },
  {
    worker: false,
    env: { MAX_BODY_BYTES: String(MAX_BODY_BYTES), MAX_JOB_BYTES: String(MAX_JOB_BYTES) },
  },
);
const RUN = `${system.url}/batch?action=run`;

const job = (n: number, more = {}) => ({ namespace: 'test', action: 'echo', params: { n, ...more } });
const jobs = (count: number) => Array.from({ length: count }, (_, n) => job(n));
const BODY = Buffer.from(JSON.stringify({ jobs: jobs(3) }));

/** A body of this size, padded with blanks. */
const padded = (bytes: number) => Buffer.concat([BODY, Buffer.alloc(bytes - BODY.length, ' ')]);
/** A body with one job of this size after a small one. */
function withLargeJob(bytes: number): string {
  const without = JSON.stringify(job(1, { x: '' })).length;
  return JSON.stringify({ jobs: [job(0), job(1, { x: 'x'.repeat(bytes - without) })] });
}

async function assertNothingStored(work: () => Promise<void>) {
  const before = await storedRows(system.pool);
  await work();
  assert.deepEqual(await storedRows(system.pool), before, 'something was stored');
}

async function storedJobs(asyncId: string): Promise<unknown> {
  const [text = ''] = await storedJobsText(system.pool, asyncId);
  return JSON.parse(text);
}

describe('Content-Encoding', () => {
  for (const [encoding, compressed] of [
    ['gzip', gzipSync(BODY)],
    ['x-gzip', gzipSync(BODY)],
    ['GZIP', gzipSync(BODY)],
    ['deflate', deflateSync(BODY)],
    ['br', brotliCompressSync(BODY)],
    ['identity', BODY],
  ] as const)
    test(`a body in ${encoding} is accepted`, async () => {
      const { status, body } = await system.rpc('run', compressed, { 'content-encoding': encoding });
      assert.equal(status, 200);
      assert.deepEqual(await storedJobs(body.asyncId), jobs(3));
    });

  for (const encoding of ['zstd', 'compress', 'gzip, br', 'nonsense'])
    test(`a body in ${encoding} is 415`, () =>
      assertNothingStored(async () => {
        const { status, body } = await system.rpc('run', gzipSync(BODY), { 'content-encoding': encoding });
        assert.equal(status, 415);
        assert.equal(body.errorCode, 415);
      }));

  for (const [what, broken] of [
    ['is not gzip', BODY],
    ['ends too early', gzipSync(BODY).subarray(0, -9)],
    ['is empty', Buffer.alloc(0)],
  ] as const)
    test(`a gzip body that ${what} is 400`, () =>
      assertNothingStored(async () => {
        const { status, body } = await system.rpc('run', broken, { 'content-encoding': 'gzip' });
        assert.equal(status, 400, JSON.stringify(body));
        assert.equal(body.errorCode, 400);
      }));
});

describe('MAX_BODY_BYTES', () => {
  const encodings = { identity: (body: Buffer) => body, gzip: gzipSync, br: brotliCompressSync };
  for (const [encoding, compress] of Object.entries(encodings))
    test(`the size limit counts decompressed bytes: one byte more is 413 (${encoding})`, async () => {
      const headers = { 'content-encoding': encoding };
      const taken = await system.rpc('run', compress(padded(MAX_BODY_BYTES)), headers);
      assert.equal(taken.status, 200);
      await assertNothingStored(async () => {
        const refused = await system.rpc('run', compress(padded(MAX_BODY_BYTES + 1)), headers);
        assert.equal(refused.status, 413);
        assert.deepEqual(refused.body, {
          errorCode: 413,
          message: `The request body has more than ${MAX_BODY_BYTES} bytes`,
        });
      });
    });

  test('a body without Content-Length is refused as soon as it is too large', () =>
    assertNothingStored(async () => {
      const { request, answer } = openPost(RUN);
      request.write(padded(MAX_BODY_BYTES + 1));
      assert.equal((await answer).status, 413);
      request.destroy();
    }));

  test('a body whose Content-Length is too large is refused before it is sent', () =>
    assertNothingStored(async () => {
      const { request, answer } = openPost(RUN, { 'content-length': String(MAX_BODY_BYTES + 1) });
      request.flushHeaders();
      assert.equal((await answer).status, 413);
      request.destroy();
    }));

  test('a gzip bomb of 2 GiB is refused without being decompressed completely', () =>
    assertNothingStored(async () => {
      const mebibyte = gzipSync(Buffer.alloc(1024 * 1024, ' '));
      const bomb = Buffer.concat(Array.from({ length: 2048 }, () => mebibyte));
      const before = process.resourceUsage().maxRSS;
      const { status } = await system.rpc('run', bomb, { 'content-encoding': 'gzip' });
      assert.equal(status, 413);
      const grownBy = Math.round((process.resourceUsage().maxRSS - before) / 1024);
      assert.ok(grownBy < 128, `memory grew by ${grownBy} MiB`);
    }));

  test('a progress request with a body above 1 MiB is 413', async () => {
    const { status } = await system.rpc('progress', JSON.stringify({ async: 'x'.repeat(1024 * 1024) }));
    assert.equal(status, 413);
  });
});

describe('MAX_JOB_BYTES', () => {
  test('a job of the largest size is accepted, and one byte more is 413 with the job named', async () => {
    assert.equal((await system.rpc('run', withLargeJob(MAX_JOB_BYTES))).status, 200);
    await assertNothingStored(async () => {
      const { status, body } = await system.rpc('run', withLargeJob(MAX_JOB_BYTES + 1));
      assert.equal(status, 413);
      assert.deepEqual(body, {
        errorCode: 413,
        message: `jobs[1] is larger than ${MAX_JOB_BYTES} bytes`,
      });
    });
  });

  test('a single action accepts params up to the same limit', () =>
    assertNothingStored(async () => {
      const { status } = await system.request('/api/1.0/test?action=echo', {
        method: 'POST',
        body: JSON.stringify({ x: 'x'.repeat(MAX_JOB_BYTES) }),
      });
      assert.equal(status, 413);
    }));
});

describe('A client', () => {
  test('a client that sends byte by byte is served', async () => {
    const { request, answer } = openPost(RUN);
    request.setNoDelay(true);
    for (const byte of BODY) await new Promise((sent) => request.write(Buffer.from([byte]), sent));
    request.end();
    const { status, body } = await answer;
    assert.equal(status, 200);
    assert.deepEqual(await storedJobs(body.asyncId), jobs(3));
  });

  test('a client that reads only after sending its whole body can read why it was refused', async () => {
    const socket = net.connect(Number(new URL(system.url).port), '127.0.0.1');
    const rest = Buffer.alloc(16 * 1024 * 1024, ' ');
    socket.write(
      `POST /batch?action=run HTTP/1.1\r\nhost: test\r\nauthorization: Bearer ${ADMIN_KEY}\r\n` +
        'transfer-encoding: chunked\r\n\r\n1\r\nx\r\n',
    );
    const chunk = Buffer.concat([
      Buffer.from(`${rest.length.toString(16)}\r\n`),
      rest,
      Buffer.from('\r\n0\r\n\r\n'),
    ]);
    await new Promise<void>((sent, reject) =>
      socket.write(chunk, (error) => (error ? reject(error) : sent())),
    );
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    await once(socket, 'end');
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /"specificCode":24092\}$/);
    socket.destroy();
  });

  test('a client that goes away in the middle leaves nothing behind, even repeatedly, and others are served', () =>
    assertNothingStored(async () => {
      const sent = JSON.stringify({ jobs: jobs(2500) }).slice(0, -100);
      // More often than there are connections to write with.
      for (let round = 0; round < 6; round++) {
        const { request } = openPost(RUN);
        request.write(sent);
        await waitFor(async () => (await openUploads(system.pool)) === 1, {
          what: 'the request to be stored',
        });
        request.destroy();
        await waitFor(async () => (await openUploads(system.pool)) === 0, {
          what: 'what was stored to be deleted',
        });
      }
      assert.equal((await system.rpc('validate', BODY)).status, 200);
    }).then(async () => {
      assert.equal((await system.rpc('run', { jobs: jobs(2500) })).status, 200);
    }));

  test('a client that goes away in the middle of a gzip body leaves nothing behind', () =>
    assertNothingStored(async () => {
      const noise = Array.from({ length: 2500 }, (_, n) => job(n, { x: Math.random() }));
      const sent = gzipSync(JSON.stringify({ jobs: noise }));
      const { request } = openPost(RUN, { 'content-encoding': 'gzip' });
      request.write(sent.subarray(0, -100));
      await waitFor(async () => (await openUploads(system.pool)) === 1, { what: 'the request to be stored' });
      request.destroy();
      await waitFor(async () => (await openUploads(system.pool)) === 0, {
        what: 'what was stored to be deleted',
      });
    }));
});
