/**
 * How long the API's event loop is blocked while a large body arrives: the time is reported, not required.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { openPost } from '../body/open-post.ts';

const system = await startSystem({ after }, { worker: false });

const MEBIBYTE = 1024 * 1024;
const MAX_BODY_BYTES = 64 * MEBIBYTE;
const PIECE_BYTES = 64 * 1024;

const echo = (params: object) => ({ namespace: 'test', action: 'echo', params });

/** A body of 64 MiB with the maximum number of jobs. */
function manyJobs(): Buffer {
  const job = JSON.stringify(echo({ n: 1, x: '' }));
  const padding = Math.floor(MAX_BODY_BYTES / 100_000) - job.length - 1;
  const text = JSON.stringify(echo({ n: 1, x: 'x'.repeat(padding) }));
  return Buffer.from(`{"jobs":[${Array.from({ length: 100_000 }, () => text).join()}]}`);
}

/** A body of one job of the largest size, with many small values. */
function largeJob(): Buffer {
  const values = '{"a":1,"b":[2,3]},'.repeat(Math.floor((20 * MEBIBYTE - 100) / 18));
  return Buffer.from(
    `{"jobs":[{"namespace":"test","action":"echo","params":{"x":[${values.slice(0, -1)}]}}]}`,
  );
}

for (const [what, makeBody, jobs] of [
  ['64 MiB of 100,000 jobs', manyJobs, 100_000],
  ['one job of 20 MiB', largeJob, 1],
] as const)
  test(`a body of ${what} is accepted, and others are answered meanwhile`, async (t) => {
    const body = makeBody();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const startedAt = performance.now();
    delay.enable();
    const { request, answer } = openPost(`${system.url}/batch?action=run`);
    const sent = pipeline(pieces(body), request);
    let others = 0;
    const isTaken = answer.then(() => true);
    while (!(await Promise.race([isTaken, system.request('/healthz').then(() => false)]))) others++;
    await sent;
    const { status, body: answered } = await answer;
    delay.disable();
    const seconds = (performance.now() - startedAt) / 1000;
    assert.equal(status, 200, JSON.stringify(answered));
    assert.ok(others > 0);
    const { body: progress } = await system.rpc('progress', { async: answered.asyncId });
    assert.equal(progress.counts.total, jobs);
    const milliseconds = (nanoseconds: number) => Math.round(nanoseconds / 1e6);
    t.diagnostic(
      `${what}: taken in ${seconds.toFixed(1)} s, ${others} others answered meanwhile, event loop delay p99 ${milliseconds(delay.percentile(99))} ms, ` +
        `longest ${milliseconds(delay.max)} ms`,
    );
  });

/** In pieces, so that the client, in this same process, does not block the event loop. */
function pieces(body: Buffer): Readable {
  const count = Math.ceil(body.length / PIECE_BYTES);
  return Readable.from(
    (function* () {
      for (let index = 0; index < count; index++)
        yield body.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
    })(),
  );
}
