/**
 * Requests that are stored while they are being sent: their senders delay no other request, and nothing
 * incomplete is left.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, type TestContext, test } from 'node:test';
import { discardStaleUploads } from '../../../src/pipeline/submit/discard-upload.ts';
import { TenantTurns } from '../../../src/pipeline/submit/tenant-turns.ts';
import { silentLog } from '../../support/silent-log.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { forkApi } from '../fork-api.ts';
import { storedRows } from '../stored-rows.ts';
import {
  echo,
  echoes,
  ingests,
  lockChunks,
  NDJSON,
  openUploads,
  postLines,
  storedJobs,
  strangerOf,
  toLines,
} from '../v1/support.ts';
import { type OpenPost, openPost } from './open-post.ts';

const MEBIBYTE = 1024 * 1024;
const system = await startSystem({ after }, { worker: false, env: { MAX_JOB_BYTES: String(8 * MEBIBYTE) } });
const { pool } = system;
/** More than a chunk: the first is stored before the body ends. */
const MANY = toLines(echoes(1200));
const RUN = `${system.url}/batch?action=run`;
const BATCHES = `${system.url}/v1/batches`;
const manyAsJson = JSON.stringify({ jobs: echoes(1200) });

const open = (headers: Record<string, string> = {}, url = BATCHES) =>
  openPost(url, { 'content-type': NDJSON, ...headers });

/** A request whose first chunk is stored and whose sender then stops; cut with the test. */
async function standing(
  t: TestContext,
  headers: Record<string, string> = {},
  url = BATCHES,
): Promise<OpenPost> {
  const before = await openUploads(pool);
  const post = open(headers, url);
  t.after(() => post.request.destroy());
  post.request.write(MANY);
  await waitFor(async () => (await openUploads(pool)) === before + 1, {
    what: 'the first chunk to be stored',
  });
  return post;
}

async function end({ request, answer }: OpenPost): Promise<{ status: number; body: Answer['body'] }> {
  request.end();
  return answer;
}

describe('senders that stop', () => {
  test('senders that stop hold no connection and no transaction, and others store large batches meanwhile', async (t) => {
    const other = { headers: await strangerOf(system) };
    const before = await storedRows(pool);
    const posts: OpenPost[] = [];
    // Far more than there are connections to write with.
    for (let count = 0; count < 24; count++) posts.push(await standing(t));
    assert.equal(await ingests(pool), 0);
    for (const headers of [{}, other]) {
      const { status, body } = await postLines(system, MANY, headers);
      assert.equal(status, 202);
      assert.equal(body.counts.total, 1200);
    }
    assert.equal((await system.rpc('run', manyAsJson)).status, 200);
    for (const { request } of posts) request.destroy();
    await waitFor(async () => (await openUploads(pool)) === 0, { what: 'the uploads to be gone' });
    const stored = await storedRows(pool);
    // Three batches of two chunks each.
    for (const [table, count] of Object.entries({ 'batchwright.batch': 3, 'batchwright.chunk': 6 }))
      assert.equal(stored[table], (before[table] ?? 0) + count);
  });

  test('senders that stop do not affect one another: each ends as if it were alone', async (t) => {
    const posts = [await standing(t), await standing(t), await standing(t)];
    for (const post of posts) {
      const { status, body } = await end(post);
      assert.equal(status, 202);
      assert.deepEqual(await storedJobs(pool, body.asyncId), echoes(1200));
    }
  });
});

describe('large requests while the database is slow', () => {
  // The first is stored in one transaction, the second in two.
  for (const [what, jobs] of [
    ['of one chunk', Array.from({ length: 300 }, (_, n) => echo(n, { text: 'x'.repeat(1000) }))],
    ['of several chunks', echoes(1200)],
  ] as const)
    test(`a tenant's only request passes the many of another tenant (${what})`, async (t) => {
      const other = await strangerOf(system);
      const body = JSON.stringify({ jobs });
      const { take } = TenantTurns.prototype;
      const begun: string[] = [];
      /** For each turn: its tenant, and how many turns of others began while it was waited for. */
      const turns: { tenant: string; passed: number }[] = [];
      const taking = t.mock.method(TenantTurns.prototype, 'take', function <
        T,
      >(this: TenantTurns, tenant: string, work: () => Promise<T>): Promise<T> {
        const before = begun.length;
        return take.call(this, tenant, () => {
          turns.push({ tenant, passed: begun.length - before });
          begun.push(tenant);
          return work();
        }) as Promise<T>;
      });
      const waiting = (count: number) =>
        waitFor(async () => taking.mock.callCount() === count, { what: `${count} requests to be in turn` });
      const lock = await lockChunks(pool);
      const send = async (headers: Record<string, string> = {}) =>
        (await system.rpc('run', body, headers)).status;
      const all = Array.from({ length: 12 }, () => send());
      try {
        await waiting(12);
        all.push(send(other));
        await waiting(13);
      } finally {
        await lock.release();
        await Promise.allSettled(all);
      }
      assert.deepEqual(
        await Promise.all(all),
        Array.from({ length: 13 }, () => 200),
      );
      const [{ tenant: many } = { tenant: '' }] = turns;
      const passed = turns.filter(({ tenant }) => tenant !== many).map((turn) => turn.passed);
      assert.ok(passed.length > 0);
      assert.ok(Math.max(...passed) <= 1, `turns of the other tenant that came first: ${passed}`);
    });
});

describe('a key without the needed permission is refused while its body is still being sent', () => {
  const foreign = { namespace: 'rest', action: 'answer', params: { wrong: true } };
  for (const [what, url, sent] of [
    ['run', RUN, `{"jobs":[${JSON.stringify(foreign)},`],
    ['validate', `${system.url}/batch?action=validate`, `{"jobs":[${JSON.stringify(foreign)},`],
    ['JSON below /v1', BATCHES, `{"jobs":[${JSON.stringify(foreign)},`],
    ['lines', BATCHES, `${JSON.stringify(foreign)}\n`],
    ['lines, after a chunk of others', BATCHES, `${MANY}${JSON.stringify(foreign)}\n`],
  ] as const)
    test(`a missing permission is answered during the upload and nothing is stored (${what})`, async (t) => {
      const weak = await strangerOf(system, ['test.*']);
      const before = await storedRows(pool);
      const { request, answer } = openPost(url, {
        ...weak,
        ...(what.startsWith('lines') ? { 'content-type': NDJSON } : {}),
      });
      t.after(() => request.destroy());
      request.write(sent);
      const { status, body } = await answer;
      assert.equal(status, 403);
      const { additionalMessages = [], errors = additionalMessages } = body;
      assert.deepEqual(errors, ['the key lacks rest.special']);
      assert.deepEqual(await storedRows(pool), before);
    });
});

describe('the memory for bodies', () => {
  /** A sender of one job of 7 MiB that does not end. */
  function unfinished(t: TestContext, headers: Record<string, string> = {}): OpenPost {
    const post = open(headers);
    t.after(() => post.request.destroy());
    post.request.write(`{"namespace":"test","action":"echo","params":{"x":"${'x'.repeat(7 * MEBIBYTE)}`);
    return post;
  }

  test('a tenant that uses half of the memory for bodies gets 503 with Retry-After, and others are served', async (t) => {
    const weak = await strangerOf(system);
    const posts = Array.from({ length: 8 }, () => unfinished(t, weak));
    const refused = await Promise.race(posts.map(({ answer }) => answer));
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '5');
    assert.equal(refused.body.detail, 'Too much is being received at the moment');
    // Its small bodies are accepted anyway.
    assert.equal((await postLines(system, toLines(echoes(3)), { headers: weak })).status, 202);
    const large = toLines([echo(1, { x: 'x'.repeat(7 * MEBIBYTE) })]);
    assert.equal((await postLines(system, large)).status, 202);
    for (const { request } of posts) request.destroy();
    await waitFor(async () => (await postLines(system, large, { headers: weak })).status === 202, {
      what: 'the memory to be given back',
    });
  });

  test('a body that a route of a plugin holds gets 503 too when there is no more memory for it', async (t) => {
    const { authorization = '' } = await strangerOf(system);
    const headers = { 'x-shaped-key': authorization.replace('Bearer ', '') };
    const post = open(headers, `${system.url}/shaped-fixture/array/top`);
    t.after(() => post.request.destroy());
    post.request.write('[0');
    for (let n = 0; n < 40; n++) post.request.write(`,"${'x'.repeat(MEBIBYTE)}"`);
    const refused = await post.answer;
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '5');
    assert.equal(refused.body.wrong.message, 'Too much is being received at the moment');
  });

  test('released bytes do not count: a body far larger than the share is accepted', async () => {
    const lines = toLines([echo(0, { x: 'x'.repeat(100_000) })]).repeat(700);
    const { status, body } = await postLines(system, lines);
    assert.equal(status, 202);
    assert.equal(body.counts.total, 700);
  });
});

describe('Idempotency-Key during uploads', () => {
  const key = (name: string) => ({ 'idempotency-key': name });

  test('an Idempotency-Key is busy while its request is being sent, for small and large requests in both forms', async (t) => {
    const post = await standing(t, key('sending'));
    for (const answer of [
      await postLines(system, MANY, { headers: key('sending') }),
      await postLines(system, toLines(echoes(2)), { headers: key('sending') }),
      await system.rpc('run', manyAsJson, key('sending')),
      await system.rpc('run', { jobs: echoes(2) }, key('sending')),
    ]) {
      assert.equal(answer.status, 409);
      assert.equal(answer.headers.get('retry-after'), '1');
    }
    const stranger = await strangerOf(system);
    const theirs = await postLines(system, toLines(echoes(2)), {
      headers: { ...stranger, ...key('sending') },
    });
    assert.equal(theirs.status, 202);
    assert.equal((await end(post)).status, 202);
  });

  for (const count of [1200, 2])
    test(`an Idempotency-Key is free at once when its process is killed, and one batch is stored (${count} jobs)`, async (t) => {
      const name = `killed ${count}`;
      const api = await forkApi(t, system);
      await standing(t, key(name), `${api.url}/v1/batches`);
      const gone = once(api.process, 'exit');
      api.process.kill('SIGKILL');
      await gone;
      const before = await storedRows(pool);
      const { status, body } = await waitFor(
        async () => {
          // Postgres must have noticed the end of the connection.
          const answer = await postLines(system, toLines(echoes(count)), { headers: key(name) });
          return answer.status !== 409 && answer;
        },
        { what: 'the key', timeoutMs: 10_000 },
      );
      assert.equal(status, 202);
      assert.deepEqual(await storedJobs(pool, body.asyncId), echoes(count));
      const after = await storedRows(pool);
      assert.equal(after['batchwright.upload'], 0);
      assert.equal(after['batchwright.batch'], (before['batchwright.batch'] ?? 0) + 1);
      // The chunk of the killed process is gone.
      assert.equal(
        after['batchwright.chunk'],
        (before['batchwright.chunk'] ?? 0) - 1 + Math.ceil(count / 1000),
      );
      const again = await postLines(system, toLines(echoes(count)), { headers: key(name) });
      assert.equal(again.body.asyncId, body.asyncId);
    });
});

describe('uploads that count as abandoned', () => {
  const forget = () => pool.query(`update batchwright.upload set seen_at = now() - interval '31 seconds'`);

  test('an upload that counts as abandoned is answered 503 in the end, and nothing of it is stored', async (t) => {
    const before = await storedRows(pool);
    for (const more of ['', MANY]) {
      const post = await standing(t);
      await forget();
      await discardStaleUploads({ pool, log: silentLog });
      assert.deepEqual(await storedRows(pool), before);
      post.request.write(more || '\n');
      const { status, body } = await end(post);
      assert.equal(status, 503);
      assert.equal(body.specificCode, 24091);
      assert.deepEqual(await storedRows(pool), before);
    }
  });

  test('an upload that counts as abandoned does not get the batch of the request that took its key', async (t) => {
    const headers = { 'idempotency-key': 'taken over' };
    const post = await standing(t, headers);
    await forget();
    const { status, body } = await postLines(system, toLines(echoes(3)), { headers });
    assert.equal(status, 202);
    assert.equal((await end(post)).status, 503);
    assert.equal((await postLines(system, toLines(echoes(3)), { headers })).body.asyncId, body.asyncId);
  });

  test('an upload is left alone while it is renewed', async (t) => {
    const post = await standing(t);
    await discardStaleUploads({ pool, log: silentLog });
    await forget();
    await waitFor(
      async () => {
        const { rows } = await pool.query(
          `select from batchwright.upload where seen_at > now() - interval '9 seconds'`,
        );
        return rows.length === 1;
      },
      { what: 'the request to be renewed' },
    );
    await discardStaleUploads({ pool, log: silentLog });
    assert.equal((await end(post)).status, 202);
  });
});

test('an upload of which the database has lost a part is answered 503, and nothing of it is stored', async (t) => {
  const before = await storedRows(pool);
  const post = await standing(t);
  // As a failing server may lose data that it has not written to the disk.
  await pool.query(
    'delete from batchwright.chunk where batch_id in (select batch_id from batchwright.upload)',
  );
  const { status, body } = await end(post);
  assert.deepEqual([status, body.specificCode], [503, 24091]);
  assert.deepEqual(await storedRows(pool), before);
});
