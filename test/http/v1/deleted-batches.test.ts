/** `DELETE /v1/batches/{asyncId}` */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, test } from 'node:test';
import { Batchwright } from '../../../src/client/index.ts';
import { toBatchId } from '../../../src/domain/batch.ts';
import { startReceiver } from '../../pipeline/deliver/deliver-receiver.ts';
import {
  attemptsLogged,
  callbackMessagesGone,
  hastenCallback,
} from '../../pipeline/deliver/deliver-support.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { assertProblem, echo, gated, NDJSON, openGate, postBatch, strangerOf } from './support.ts';

const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '3600' } });
const { pool } = system;
const client = new Batchwright({ url: system.url, key: ADMIN_KEY });

const deleteBatch = (asyncId: string, headers: Record<string, string> = {}): Promise<Answer> =>
  system.request(`/v1/batches/${asyncId}`, { method: 'DELETE', headers });

/** How many rows of the batch are stored. */
async function rowsOf(asyncId: string): Promise<number> {
  const tables = ['result', 'chunk', 'job_progress', 'delivery'].map(
    (table) => `(select count(*) from batchwright.${table} where batch_id = $1)`,
  );
  const { rows } = await pool.query<{ count: number }>(
    `select ${tables.join(' + ')} + (select count(*) from batchwright.batch where id = $1) as count`,
    [toBatchId(asyncId)],
  );
  return Number(rows[0]?.count);
}

const purged = (asyncId: string) =>
  waitFor(async () => (await rowsOf(asyncId)) === 0, { what: 'the rows to be deleted' });

/** An ended batch with this many results of this size. */
async function largeBatch(results: number, characters: number): Promise<string> {
  const asyncId = await system.run([echo(1)]);
  await system.ended(asyncId);
  await pool.query(
    `insert into batchwright.result (batch_id, index, status, response, attempts, finished_at)
     select $1, index, 'succeeded', to_json(repeat('x', $2)), 1, now() from generate_series(1, $3 - 1) as index`,
    [toBatchId(asyncId), characters, results],
  );
  await pool.query('update batchwright.batch set total = $2, succeeded = $2 where id = $1', [
    toBatchId(asyncId),
    results,
  ]);
  return asyncId;
}

test('a deleted batch is gone at once with everything of it, and its Idempotency-Key is free', async () => {
  const headers = { 'idempotency-key': 'delete me' };
  const { asyncId } = (await postBatch(system, { jobs: [echo(1), echo(2)] }, headers)).body;
  await system.ended(asyncId);
  const answer = await deleteBatch(asyncId);
  assert.equal(answer.status, 204);
  assert.equal(answer.body, '');
  for (const path of ['', '/results', '/events', '/callbacks'])
    assertProblem(await system.request(`/v1/batches/${asyncId}${path}`), 404);
  for (const verb of ['cancel', 'pause', 'resume', 'restart', 'repost'])
    assertProblem(await system.request(`/v1/batches/${asyncId}/${verb}`, { method: 'POST' }), 404);
  for (const action of ['progress', 'results', 'restart'])
    assert.equal((await system.rpc(action, { async: asyncId })).status, 404);
  const { data } = (await system.request('/v1/batches')).body;
  assert.ok(!data.some((batch: Json) => batch.asyncId === asyncId));
  assertProblem(await deleteBatch(asyncId), 404);
  await purged(asyncId);
  const again = await postBatch(system, { jobs: [echo(3)] }, headers);
  assert.equal(again.status, 202);
  assert.notEqual(again.body.asyncId, asyncId);
  const audit = (await system.request('/v1/audit')).body.data;
  assert.deepEqual([audit[0].event, audit[0].target], ['batch.deleted', asyncId]);
});

test('a batch that has not ended is not deleted, nor by another tenant or without the permission', async () => {
  const asyncId = await system.run([gated('deletion')]);
  assertProblem(await deleteBatch(asyncId), 409, /has not ended/);
  await assert.rejects(client.batches.delete(asyncId), { name: 'ConflictError' });
  await openGate(pool, 'deletion');
  await system.ended(asyncId);
  assertProblem(await deleteBatch(asyncId, await strangerOf(system)), 404);
  assertProblem(await deleteBatch('0'.repeat(32)), 404);
  assertProblem(await deleteBatch('no-id'), 404);
  const body = JSON.stringify({ name: 'reads', permissions: ['contact.*'] });
  const { key } = (await system.request('/v1/keys', { method: 'POST', body })).body;
  assertProblem(await deleteBatch(asyncId, { authorization: `Bearer ${key}` }), 403);
  assert.equal((await system.request(`/v1/batches/${asyncId}`)).status, 200);
  const withMember = { method: 'DELETE', body: '{"dryRun":true}' };
  assertProblem(await system.request(`/v1/batches/${asyncId}`, withMember), 400, /dryRun is not known/);
  assert.equal((await system.request(`/v1/batches/${asyncId}`)).status, 200);
  await client.batches.delete(asyncId);
  await assert.rejects(client.batches.retrieve(asyncId), { name: 'NotFoundError' });
});

test('the callback of a deleted batch is not sent again', async (t) => {
  const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
  const asyncId = await system.run([echo(1)], { callbackUrl: receiver.url });
  await attemptsLogged(system, asyncId, 1);
  assert.equal((await deleteBatch(asyncId)).status, 204);
  await hastenCallback(system, asyncId);
  await callbackMessagesGone(system, asyncId);
  assert.equal(receiver.callbacks.length, 1);
  await purged(asyncId);
});

test('a large batch is deleted in pieces, and its request does not wait for them', async () => {
  const asyncId = await largeBatch(12_000, 10);
  const holder = await pool.connect();
  try {
    // The second piece waits for this row, and the first is committed.
    await holder.query('begin');
    const held = 'select from batchwright.result where batch_id = $1 and index = 7000 for update';
    await holder.query(held, [toBatchId(asyncId)]);
    assert.equal((await deleteBatch(asyncId)).status, 204);
    await waitFor(async () => (await rowsOf(asyncId)) === 7001, { what: 'the first piece to be deleted' });
    assertProblem(await system.request(`/v1/batches/${asyncId}`), 404);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  await purged(asyncId);
});

test('rows that a process has left are deleted by the next one', async () => {
  const asyncId = await largeBatch(10, 10);
  await pool.query(`update batchwright.batch set expires_at = 'epoch' where id = $1`, [toBatchId(asyncId)]);
  const other = await system.run([echo(1)]);
  await system.ended(other);
  await deleteBatch(other);
  await purged(asyncId);
});

for (const accept of [NDJSON, 'text/csv'])
  test(`a client that reads results as ${accept} is cut off when the batch is deleted`, async () => {
    const asyncId = await largeBatch(600, 50_000);
    const request = http.get(`${system.url}/v1/batches/${asyncId}/results`, {
      agent: false,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, accept },
    });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    assert.equal(response.statusCode, 200);
    await once(response, 'readable');
    assert.equal((await deleteBatch(asyncId)).status, 204);
    await purged(asyncId);
    response.resume();
    if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
    assert.equal(response.complete, false);
  });
