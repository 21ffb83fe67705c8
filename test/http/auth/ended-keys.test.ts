/** When a key ends, the responses to its requests end too. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openPost } from '../body/open-post.ts';
import { storedRows } from '../stored-rows.ts';
import { openEvents } from '../v1/event-client.ts';

const system = await startSystem({ after }, { env: { LOG_LEVEL: 'info' } });
/** The responses that the log reports as cut off. */
const { log: ended } = system;
const PADDING = 'x'.repeat(600_000);

async function makeKey(expiresAt: string | null = null) {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'ends', permissions: ['test.*', 'rpc.*'], expiresAt }),
  });
  return { id: body.id as string, headers: { authorization: `Bearer ${body.key}` } };
}

/** Revokes the key as another API process would: this process is not informed. */
const revoke = (id: string) => system.pool.query('delete from batchwright.api_key where id = $1', [id]);

/** The value of a promise that must settle soon: the end comes within 5 s, the rest is for a slow machine. */
async function within<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  await waitFor(async () => isSettled, { what: 'the end', timeoutMs: 15_000 });
  return promise;
}

async function open(path: string, headers: Record<string, string>) {
  const request = http.get(`${system.url}${path}`, { agent: false, headers });
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const cut = new Promise<boolean>((resolve) => {
    response.on('error', () => {}).once('close', () => resolve(!response.complete));
  });
  return { response, cut };
}

describe('revoked keys', () => {
  test('revoking a key ends its event streams, and not those of another key', async (t) => {
    const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { gate: 'events' } }]);
    const [key, other] = [await makeKey(), await makeKey()];
    const path = `${system.url}/v1/batches/${asyncId}/events`;
    const streams = await Promise.all([key, key, other].map(({ headers }) => openEvents(path, headers)));
    t.after(() => streams[2]?.close());
    await revoke(key.id);
    for (const stream of streams.slice(0, 2)) assert.equal(await within(stream.ended), false);
    await system.pool.query("insert into test.gate values ('events')");
    assert.equal(await within(streams[2]?.ended as Promise<boolean>), true);
    assert.equal(streams[2]?.events.at(-1)?.name, 'finished');
  });

  test('revoking a key cuts off its downloads, even if the client does not read', async () => {
    const jobs = Array.from({ length: 40 }, (_, n) => ({
      namespace: 'test',
      action: 'echo',
      params: { n, PADDING },
    }));
    const asyncId = await system.run(jobs);
    await system.ended(asyncId);
    const { id, headers } = await makeKey();
    const results = `/v1/batches/${asyncId}/results`;
    const downloads = await Promise.all([
      open(results, { ...headers, accept: 'application/x-ndjson' }),
      open(results, { ...headers, accept: 'text/csv' }),
      open(`/batch?action=results&async=${asyncId}`, headers),
    ]);
    await revoke(id);
    await waitFor(async () => ended.some(({ keyId, responses }) => keyId === id && responses === 3), {
      what: 'the line about the cut',
    });
    for (const { response } of downloads) response.resume();
    for (const { cut } of downloads) assert.equal(await within(cut), true);
  });

  test('revoking a key cuts off the streams of plugins', async () => {
    const { id, headers } = await makeKey();
    const { response, cut } = await open('/rpc-fixture/forever', headers);
    response.resume();
    await revoke(id);
    assert.equal(await within(cut), true);
  });

  test('revoking a key refuses a body that is still being sent', async () => {
    const { id, headers } = await makeKey();
    const rows = await storedRows(system.pool);
    assert.equal((await system.request('/v1/actions', { headers })).status, 200);
    const { request } = openPost(`${system.url}/batch?action=run`, headers);
    const closed = new Promise((resolve) => request.once('close', resolve));
    request.write('{"jobs":[{"namespace":"test","action":"echo","params":{}}');
    await revoke(id);
    await within(closed);
    assert.ok(ended.some(({ keyId }) => keyId === id));
    const after = await storedRows(system.pool);
    assert.equal(after['batchwright.batch'], rows['batchwright.batch']);
  });
});

test('the expiry of a key ends its event streams', async () => {
  const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { gate: 'expiry' } }]);
  const { headers } = await makeKey(new Date(Date.now() + 3000).toISOString());
  const stream = await openEvents(`${system.url}/v1/batches/${asyncId}/events`, headers);
  assert.equal(stream.status, 200);
  assert.equal(await within(stream.ended), false);
  await system.pool.query("insert into test.gate values ('expiry')");
});

test('the answer to a key that revokes itself is not cut off', async () => {
  const { body } = await system.request('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'self', permissions: ['admin'] }),
  });
  const { status } = await system.request(`/v1/keys/${body.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${body.key}` },
  });
  assert.equal(status, 204);
});
