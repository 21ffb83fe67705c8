/** `POST /v1/batches`: clients and processes that stop, delay or die during the request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { callbackHeaderCipher } from '../../../src/access/callback-headers.ts';
import { DEFAULT_TENANT } from '../../../src/domain/caller.ts';
import { setCaller } from '../../../src/http/auth/callers.ts';
import { errorHandler } from '../../../src/http/error-handler.ts';
import { batchRoutes } from '../../../src/http/v1/batches.ts';
import { LiveAnswers } from '../../../src/http/v1/live-answers.ts';
import { Releaser } from '../../../src/pipeline/plan/releaser.ts';
import { createBatchWatch } from '../../../src/pipeline/read/batch-watch.ts';
import { discardStaleUploads } from '../../../src/pipeline/submit/discard-upload.ts';
import { ProcessLock } from '../../../src/pipeline/submit/process-lock.ts';
import { SmallBatches } from '../../../src/pipeline/submit/small-batches.ts';
import { TenantTurns } from '../../../src/pipeline/submit/tenant-turns.ts';
import { Uploads } from '../../../src/pipeline/submit/uploads.ts';
import { createPool } from '../../../src/postgres/pools.ts';
import { startQueue } from '../../../src/queue/queue.ts';
import { createLargeJobChecker } from '../../../src/validation/large-jobs.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { settled } from '../../support/settled.ts';
import { silentLog } from '../../support/silent-log.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { forkApi } from '../fork-api.ts';
import { startServer } from '../server/http-server.ts';
import { storedRows } from '../stored-rows.ts';
import {
  echo,
  echoes,
  gated,
  lockChunks,
  NDJSON,
  openGate,
  openUploads,
  postLines,
  runsOf,
  storedJobs,
  toLines,
} from './support.ts';

const MEBIBYTE = 1024 * 1024;
const system = await startSystem({ after });
const { pool } = system;
const URL_OF_BATCHES = `${system.url}/v1/batches`;
const LINES = { 'content-type': NDJSON };
/** More than a chunk: the first is stored before the body ends. */
const MANY = toLines(echoes(1200));

const open = (url = URL_OF_BATCHES, headers = {}) => openPost(url, { ...LINES, ...headers });

async function storing(count: number): Promise<void> {
  await waitFor(async () => (await openUploads(pool)) === count, { what: `${count} requests to be stored` });
}

/** Resolves when all batches of earlier tests have ended: a running batch stores results. */
async function allEnded(): Promise<void> {
  await waitFor(
    async () => {
      const { rowCount } = await pool.query(
        `select from batchwright.batch where state not in ('completed', 'cancelled') limit 1`,
      );
      return rowCount === 0;
    },
    { what: 'the ends of all batches' },
  );
}

/** Asserts that the work leaves neither a row nor an upload behind. */
async function assertNothingStored(work: () => Promise<void>): Promise<void> {
  await allEnded();
  const before = await storedRows(pool);
  await work();
  await storing(0);
  assert.deepEqual(await storedRows(pool), before, 'something was stored');
}

describe('cut connections', () => {
  const stages: Record<string, [string, number]> = {
    'after the headers': ['', 0],
    'within the first line': [MANY.slice(0, 20), 0],
    'between two lines': [toLines(echoes(5)), 0],
    'within a line, after the first chunk': [MANY.slice(0, -10), 1],
    'between two lines, after the first chunk': [MANY, 1],
  };
  for (const [stage, [sent, transactions]] of Object.entries(stages))
    test(`a connection cut ${stage} leaves nothing`, () =>
      assertNothingStored(async () => {
        for (const cut of ['destroy', 'reset'] as const) {
          const { request } = open();
          request.flushHeaders();
          const [socket] = (await once(request, 'socket')) as [net.Socket];
          if (socket.connecting) await once(socket, 'connect');
          await new Promise((written) => request.write(sent || '\n', written));
          await storing(transactions);
          if (cut === 'reset') socket.resetAndDestroy();
          else request.destroy();
          await storing(0);
        }
      }));

  test('a connection cut within a gzip body leaves nothing', () =>
    assertNothingStored(async () => {
      const noise = Array.from({ length: 2500 }, (_, n) => echo(n, { x: Math.random() }));
      const { request } = open(URL_OF_BATCHES, { 'content-encoding': 'gzip' });
      request.write(gzipSync(toLines(noise)).subarray(0, -100));
      await storing(1);
      request.destroy();
    }));

  test('a connection cut before the announced Content-Length leaves nothing', () =>
    assertNothingStored(async () => {
      const socket = net.connect(Number(new URL(system.url).port), '127.0.0.1');
      socket.write(
        `POST /v1/batches HTTP/1.1\r\nhost: test\r\nauthorization: Bearer ${ADMIN_KEY}\r\n` +
          `content-type: ${NDJSON}\r\ncontent-length: ${MANY.length + 1}\r\n\r\n${MANY}`,
      );
      await storing(1);
      socket.end();
      socket.resume();
      await once(socket, 'close');
    }));

  test('many cut connections use up no database connection', () =>
    assertNothingStored(async () => {
      for (let round = 0; round < 6; round++) {
        const { request } = open();
        request.write(MANY);
        await storing(1);
        request.destroy();
        await storing(0);
      }
    }).then(async () => {
      assert.equal((await postLines(system, MANY)).status, 202);
    }));
});

test('the sweep later deletes the parts that a killed process has stored', async (t) => {
  const api = await forkApi(t, system);
  await assertNothingStored(async () => {
    const { request } = open(`${api.url}/v1/batches`);
    request.write(MANY);
    await storing(1);
    const gone = once(api.process, 'exit');
    api.process.kill('SIGKILL');
    await gone;
    const sweep = () => discardStaleUploads({ pool, log: silentLog });
    await sweep();
    assert.equal(await openUploads(pool), 1);
    await pool.query(`update batchwright.upload set seen_at = now() - interval '31 seconds'`);
    await sweep();
  });
});

test('the jobs of a batch start only when all of it is stored', async () => {
  const { request, answer } = open();
  const counted = Array.from({ length: 100 }, (_, n) => gated('begins', n));
  const jobs = [...counted, ...echoes(1100)];
  await openGate(pool, 'begins');
  request.write(toLines(jobs));
  await storing(1);
  // Another batch starts and ends meanwhile.
  const asyncId = await system.run(echoes(3));
  await system.ended(asyncId);
  assert.equal(await runsOf(pool, 'begins'), 0);
  request.end(toLines([gated('begins', 1200)]));
  const { status, body } = await answer;
  assert.equal(status, 202);
  const { counts } = await system.ended(body.asyncId);
  assert.equal(counts.succeeded, 1201);
  assert.equal(await runsOf(pool, 'begins'), 101);
});

describe('slow clients', () => {
  test('a client that sends byte by byte is served', async () => {
    const { request, answer } = open();
    request.setNoDelay(true);
    for (const byte of Buffer.from(`\ufeff${toLines(echoes(2))}`))
      await new Promise((sent) => request.write(Buffer.from([byte]), sent));
    request.end();
    const { status, body } = await answer;
    assert.equal(status, 202);
    assert.deepEqual(await storedJobs(pool, body.asyncId), echoes(2));
  });

  for (const [stage, sent, transactions] of [
    ['nothing', '', 0],
    ['half a line', '{"namespace":"test","act', 0],
    ['a chunk and half a line', MANY.slice(0, -10), 1],
  ] as const)
    test(`a client that sends ${stage} and waits is 408, and nothing is stored`, async (t) => {
      const url = await serveImpatiently(t, 1000);
      await assertNothingStored(async () => {
        const { request, answer } = open(url);
        request.flushHeaders();
        if (sent) request.write(sent);
        await storing(transactions);
        const { status, headers, body } = await answer;
        assert.equal(status, 408);
        assert.match(headers['content-type'] ?? '', /^application\/problem\+json/);
        assert.deepEqual(body, {
          type: '/docs/errors/request-timeout',
          title: 'Request Timeout',
          status: 408,
          detail: 'The request body did not arrive in time',
        });
        request.destroy();
      });
    });

  for (const [what, bodyOfIt] of [
    ['goes on sending', () => bodyOf(16 * MEBIBYTE)],
    ['has sent everything', () => Readable.from([MANY])],
  ] as const)
    test(`a client that ${what} is not answered 408 because of a slow database`, async (t) => {
      const url = await serveImpatiently(t, 1000);
      const lock = await lockChunks(pool);
      const { request, answer } = open(url);
      const sent = pipeline(bodyOfIt(), request);
      await lock.isWaitedFor();
      const since = performance.now();
      await waitFor(async () => performance.now() - since > 1500, { what: 'more time than a client has' });
      await lock.release();
      const [{ status, body }] = await Promise.all([answer, sent]);
      assert.equal(status, 202, JSON.stringify(body));
    });
});

test('a fast client waits while the database is slow, and memory does not grow with the bytes that it sends', async () => {
  const before = process.resourceUsage().maxRSS;
  const total = 128 * MEBIBYTE;
  const lock = await lockChunks(pool);
  const { request, answer } = open();
  let read = 0;
  const body = bodyOf(total, (bytes) => {
    read += bytes;
  });
  const sent = pipeline(body, request);
  await lock.isWaitedFor();
  const stopped = await settled(async () => read, { forMs: 200, what: 'what was read' });
  assert.ok(stopped < total / 4, `${stopped} bytes were taken`);
  await lock.release();
  await sent;
  const { status, body: batch } = await answer;
  assert.equal(status, 202);
  const grownBy = Math.round((process.resourceUsage().maxRSS - before) / 1024);
  assert.ok(grownBy < 110, `memory grew by ${grownBy} MiB`);
  await system.request(`/v1/batches/${batch.asyncId}/cancel`, { method: 'POST' });
});

/** Lines of 100 KB, generated on demand. */
function bodyOf(bytes: number, onRead: (bytes: number) => void = () => {}): Readable {
  const lines = Buffer.from(toLines([echo(0, { x: 'x'.repeat(100_000) })]));
  return Readable.from(
    (function* () {
      for (let made = 0; made < bytes; made += lines.length) {
        onRead(lines.length);
        yield lines;
      }
    })(),
    { objectMode: false },
  );
}

/** The batch routes on the system's database, with shorter time limits. */
async function serveImpatiently(t: TestContext, sendMs: number): Promise<string> {
  const { registry, databaseUrl: url, config } = system;
  const copyPool = createPool({
    url,
    max: 4,
    applicationName: 'batchwright ingest',
    log: silentLog,
    forCopy: true,
  });
  const queue = await startQueue({
    url,
    queues: registry.queues,
    applicationName: 'test queue',
    max: 2,
    log: silentPluginLog,
  });
  const largeJobs = createLargeJobChecker(registry);
  const processLock = new ProcessLock({ url, applicationName: 'test process' });
  const uploads = new Uploads({ pool, copyPool, queue, processLock, log: silentLog });
  const releaser = new Releaser({ pool, queue, registry, log: silentLog });
  const app = express();
  app.use((request, _response, next) => {
    setCaller(request, { tenant: DEFAULT_TENANT, keyId: 'admin', permissions: ['*'] });
    next();
  });
  app.use(
    '/v1',
    batchRoutes(
      {
        pool,
        uploads,
        smallBatches: new SmallBatches({ pool, queue }),
        releaser,
        queue,
        queues: registry.queues,
        registry,
        largeJobs,
        publicUrl: undefined,
        limits: {
          maxJobs: config.maxJobsPerBatch,
          maxDependencies: config.maxDependencies,
          retentionDays: 1,
        },
        maxNdjsonJobs: config.maxNdjsonJobs,
        checkCallbackUrl: async (callbackUrl) => String(callbackUrl),
        purge: { request: () => {} },
        encryptCallbackHeaders: callbackHeaderCipher(undefined).encrypt,
        bodyLimits: { maxBodyBytes: config.maxBodyBytes, maxJobBytes: config.maxJobBytes },
        watch: createBatchWatch(pool),
        resultTurns: new TenantTurns(4),
        log: silentPluginLog,
      },
      new LiveAnswers(silentPluginLog),
    ),
  );
  app.use(errorHandler(silentPluginLog));
  const server = await startServer(t, app, { sendMs, everyMs: 20 });
  t.after(async () => {
    await uploads.close();
    await Promise.all([queue.stop(), largeJobs.close(), copyPool.end()]);
  });
  return `${server.url}/v1/batches`;
}
