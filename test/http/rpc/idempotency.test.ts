/** `Idempotency-Key` makes `run` safe to repeat. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';
import { openUploads } from '../v1/support.ts';

const system = await startSystem({ after }, { worker: false });

const jobs = (count: number, x = 0) =>
  Array.from({ length: count }, (_, n) => ({ namespace: 'test', action: 'echo', params: { n, x } }));

const run = (key: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  system.rpc('run', body, { 'idempotency-key': key, ...headers });

async function batches(): Promise<number> {
  return (await storedRows(system.pool))['batchwright.batch'] ?? -1;
}

for (const count of [1, 2500])
  test(`the same key and body are the same batch, stored once (${count} jobs)`, async () => {
    const before = await batches();
    const key = `same ${count}`;
    const first = await run(key, { jobs: jobs(count) });
    assert.equal(first.status, 200);
    const rows = await storedRows(system.pool);
    for (let times = 0; times < 3; times++) {
      const again = await run(key, { jobs: jobs(count) });
      assert.equal(again.status, 200);
      assert.deepEqual(again.body, first.body);
    }
    assert.deepEqual(await storedRows(system.pool), rows);
    assert.equal(await batches(), before + 1);
  });

test('keys of any bytes are distinguished, even if they are not text', async () => {
  const keys = ['\xc3\xa9', '\xe9', '\xff', '\xfe', '\xc0\xaf'];
  const asyncIds = new Map<string, string>();
  for (const key of keys) asyncIds.set(key, (await run(key, { jobs: jobs(1) })).body.asyncId);
  assert.equal(new Set(asyncIds.values()).size, keys.length);
  for (const key of keys) assert.equal((await run(key, { jobs: jobs(1) })).body.asyncId, asyncIds.get(key));
});

test('bodies are compared uncompressed, and the path does not matter', async () => {
  const body = JSON.stringify({ jobs: jobs(3) });
  const first = await run('compressed', body);
  const again = await run('compressed', gzipSync(body), { 'content-encoding': 'gzip' });
  assert.deepEqual(again.body, first.body);
  const elsewhere = await system.request('/api/1.0/batch?action=run', {
    method: 'POST',
    headers: { 'idempotency-key': 'compressed' },
    body,
  });
  assert.deepEqual(elsewhere.body, first.body);
});

for (const count of [1, 2500])
  test(`the same key with another body is 422, and nothing is stored (${count} jobs)`, async () => {
    const key = `other ${count}`;
    assert.equal((await run(key, { jobs: jobs(count) })).status, 200);
    const rows = await storedRows(system.pool);
    for (const body of [
      { jobs: jobs(count, 1) },
      { jobs: jobs(count + 1) },
      { jobs: jobs(count), callbackUrl: null },
      `${JSON.stringify({ jobs: jobs(count) })} `,
    ]) {
      const { status, body: error } = await run(key, body);
      assert.equal(status, 422);
      assert.deepEqual(error, {
        errorCode: 422,
        message: 'This Idempotency-Key was used with another request body',
      });
    }
    assert.deepEqual(await storedRows(system.pool), rows);
  });

test('a second request while the first is being stored is 409, and may be repeated', async () => {
  const body = JSON.stringify({ jobs: jobs(2500) });
  const first = openPost(`${system.url}/batch?action=run`, { 'idempotency-key': 'busy' });
  first.request.write(body.slice(0, -100));
  await waitFor(isBeingStored, { what: 'the first to be stored' });
  for (const second of [body, { jobs: jobs(1) }, { jobs: jobs(2500, 1) }]) {
    const { status, headers, body: error } = await run('busy', second);
    assert.equal(status, 409);
    assert.equal(headers.get('retry-after'), '1');
    assert.deepEqual(error, {
      errorCode: 409,
      message: 'A request with this Idempotency-Key is still being stored',
    });
  }
  assert.equal((await run('not busy', body)).status, 200);
  first.request.end(body.slice(-100));
  const { status, body: stored } = await first.answer;
  assert.equal(status, 200);
  assert.deepEqual((await run('busy', body)).body, stored);
});

test('of many concurrent requests one is stored, and every answer is its asyncId or 409', async () => {
  const before = await batches();
  const answers = await Promise.all(Array.from({ length: 20 }, () => run('at once', { jobs: jobs(2) })));
  const taken = answers.filter(({ status }) => status === 200).map(({ body }) => body.asyncId);
  assert.ok(taken.length > 0);
  assert.equal(new Set(taken).size, 1);
  assert.ok(answers.every(({ status }) => status === 200 || status === 409));
  assert.equal(await batches(), before + 1);
});

test('a request that was refused, or cut off, leaves its key free', async () => {
  assert.equal((await run('free', { jobs: [7] })).status, 400);
  const cut = openPost(`${system.url}/batch?action=run`, { 'idempotency-key': 'free' });
  cut.request.write(JSON.stringify({ jobs: jobs(2500) }).slice(0, -100));
  await waitFor(isBeingStored, { what: 'the request to be stored' });
  cut.request.destroy();
  const { status } = await waitFor(
    async () => {
      const answer = await run('free', { jobs: jobs(1) });
      return answer.status !== 409 && answer;
    },
    { what: 'the key to be free' },
  );
  assert.equal(status, 200);
});

test('the same key of another tenant is another key', async () => {
  const made = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'other', tenant: 'other', permissions: ['*'] }),
  });
  const other = { authorization: `Bearer ${made.body.key}` };
  const mine = await run('tenants', { jobs: jobs(1) });
  const theirs = await run('tenants', { jobs: jobs(1) }, other);
  const differs = await run('tenants 2', { jobs: jobs(1) }, other);
  assert.deepEqual([mine.status, theirs.status, differs.status], [200, 200, 200]);
  assert.notEqual(theirs.body.asyncId, mine.body.asyncId);
  assert.deepEqual((await run('tenants', { jobs: jobs(1) }, other)).body, theirs.body);
  assert.equal((await run('tenants 2', { jobs: jobs(2) })).status, 200);
});

test('a key has 1 to 255 characters', async () => {
  const body = { jobs: jobs(1) };
  assert.equal((await run('k'.repeat(255), body)).status, 200);
  for (const key of ['', 'k'.repeat(256)]) {
    const { status, body: error } = await run(key, body);
    assert.equal(status, 400);
    assert.deepEqual(error, { errorCode: 400, message: 'Idempotency-Key must have 1 to 255 characters' });
  }
});

async function isBeingStored(): Promise<boolean> {
  return (await openUploads(system.pool)) > 0;
}
