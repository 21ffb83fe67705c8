/** Readers of results that read slowly or not at all: their cost, and their results. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { after, describe, type TestContext, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { NDJSON as NDJSON_FORM } from '../../../src/pipeline/read/result-lines.ts';
import { ResultStream } from '../../../src/pipeline/read/result-stream.ts';
import { resultValues } from '../../../src/pipeline/read/result-values.ts';
import { settled } from '../../support/settled.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { forkApi } from '../fork-api.ts';
import { echoes, NDJSON, postLines, toLines } from '../v1/support.ts';

const MEBIBYTE = 1024 * 1024;
const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const COUNT = 500;
/** 16 MB of results: hundreds of 20 KB, some of a megabyte each, and small ones. */
const asyncId = await endedBatch();

async function endedBatch(): Promise<string> {
  const { body } = await postLines(system, toLines(echoes(COUNT)));
  await pool.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, finished_at)
     select $1, index, 'succeeded',
       to_json(repeat(md5(index::text), case when index < 400 then 625 when index < 408 then 31250 else 1 end)), 1, now()
     from generate_series(0, $2) as index`,
    [body.asyncId, COUNT - 1],
  );
  await pool.query(
    `update batchwright.batch set state = 'completed', succeeded = total, finished_at = now() where id = $1`,
    [body.asyncId],
  );
  return body.asyncId;
}

const FORMS = {
  rpc: { path: `/batch?action=results&async=${asyncId}`, accept: 'application/json' },
  ndjson: { path: `/v1/batches/${asyncId}/results`, accept: NDJSON },
  csv: { path: `/v1/batches/${asyncId}/results`, accept: 'text/csv' },
  page: { path: `/v1/batches/${asyncId}/results?limit=1000`, accept: 'application/json' },
};
type Form = (typeof FORMS)[keyof typeof FORMS];

/** The unread answer; cut with the test. */
async function ask(t: TestContext, url: string, { path, accept }: Form): Promise<http.IncomingMessage> {
  const request = http.get(`${url}${path}`, {
    agent: false,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, accept },
  });
  t.after(() => request.destroy());
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.on('error', () => {});
  return response;
}

/** The number of received bytes and their digest, and whether the answer was complete. */
async function readAll(response: http.IncomingMessage) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of response) {
    hash.update(part);
    bytes += part.length;
  }
  return { bytes, digest: hash.digest('hex'), complete: response.complete };
}

/** Resident memory of a process, in MiB. `ps` looks at every process, which takes a busy machine half a second. */
function resident(pid: number): number {
  const status = `/proc/${pid}/status`;
  const kibibytes = existsSync(status)
    ? /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Number(kibibytes) / 1024;
}

for (const [form, asked] of Object.entries(FORMS))
  test(`a reader that pauses several times gets every byte (${form})`, async (t) => {
    const expected = await readAll(await ask(t, system.url, asked));
    assert.ok(form === 'page' || expected.bytes > 15 * MEBIBYTE, `${expected.bytes} bytes`);
    const response = await ask(t, system.url, asked);
    const hash = createHash('sha256');
    let bytes = 0;
    let stood = 0;
    for await (const part of response) {
      hash.update(part);
      const before = bytes;
      bytes += part.length;
      // Every 5 MiB, until its pages are dropped: others have their turns.
      if (Math.floor(bytes / (5 * MEBIBYTE)) === Math.floor(before / (5 * MEBIBYTE)) && before > 0) continue;
      stood++;
      await settled(async () => response.socket.bytesRead, { forMs: 1200, what: 'the answer' });
    }
    assert.deepEqual({ bytes, digest: hash.digest('hex'), complete: response.complete }, expected);
    assert.ok(stood > 0);
  });

test('two dozen readers that do not read cost little memory, and others get all results meanwhile', async (t) => {
  const api = await forkApi(t, system);
  const pid = api.process.pid as number;
  const expected = await readAll(await ask(t, api.url, FORMS.ndjson));
  const before = resident(pid);
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, resident(pid));
  }, 100);
  t.after(() => clearInterval(watching));
  const forms = Object.values(FORMS);
  const stalled = await Promise.all(
    Array.from({ length: 24 }, (_, n) => ask(t, api.url, forms[n % forms.length] as Form)),
  );
  await settled(async () => stalled.reduce((bytes, { socket }) => bytes + socket.bytesRead, 0), {
    forMs: 1500,
    what: 'what the readers are sent',
  });
  assert.deepEqual(await readAll(await ask(t, api.url, FORMS.ndjson)), expected);
  clearInterval(watching);
  assert.ok(most > 0);
  assert.ok(most - before < 150, `the API grew from ${before} to ${most} MiB`);
  // Each of them continues when it reads.
  const [, one] = stalled;
  assert.deepEqual(await readAll(one as http.IncomingMessage), expected);
});

describe('results read by plugins', () => {
  test('a plugin that pauses gets the same results', async () => {
    const values: unknown[] = [];
    let statements = 0;
    const counting = {
      query: (...args: [string]) => {
        statements++;
        return pool.query(...args);
      },
    } as unknown as typeof pool;
    const reading = resultValues(counting, toBatchId(asyncId), 50);
    for await (const value of reading) {
      values.push(value);
      if (values.length % 200 !== 1) continue;
      // The page read ahead is dropped by then, and read again.
      const read = statements;
      const since = performance.now();
      await waitFor(async () => performance.now() - since > 200, { what: 'the reader to pause' });
      assert.ok(statements - read <= 1);
    }
    assert.deepEqual(
      values.map((value) => (value as { index: number }).index),
      Array.from({ length: COUNT }, (_, n) => n),
    );
  });
});

test('a result that changes after a part of it was sent ends the answer', async () => {
  const stream = new ResultStream(pool, toBatchId(asyncId), NDJSON_FORM, { fromIndex: 402 });
  const page = (await stream.next()) as Buffer;
  assert.ok(page.length > MEBIBYTE);
  stream.drop(500_000);
  const rest = (await stream.next()) as Buffer;
  assert.deepEqual(page.subarray(500_000, 900_000), rest.subarray(0, 400_000), 'unchanged it goes on');
  stream.drop(100_000);
  await pool.query(`update batchwright.result set response = '"another"' where batch_id = $1`, [
    toBatchId(asyncId),
  ]);
  await assert.rejects(stream.next(), /changed while it was being sent/);
});
