/**
 * Restart, repost, cancel, pause and resume run actions or send their results: they need the same permissions as running
 * them.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Answer, startSystem } from '../support/system.ts';

const system = await startSystem({ after }, { worker: false });

const echo = { namespace: 'test', action: 'echo', params: {} };
const refuse = { namespace: 'rpc', action: 'refuse', params: { message: 'no' } };
/** Needs `rpc.restricted`. */
const special = { namespace: 'rpc', action: 'special', params: {} };

const VERBS = ['pause', 'resume', 'cancel', 'restart', 'repost'];

async function keyOf(permissions: string[], tenant = 'default'): Promise<Record<string, string>> {
  const body = JSON.stringify({ name: 'control', permissions, tenant });
  const { status, body: made } = await system.request('/v1/keys', { method: 'POST', body });
  assert.equal(status, 201);
  return { authorization: `Bearer ${made.key}` };
}

/** The answers to each verb, by RPC and by REST. */
async function answers(asyncId: string, headers: Record<string, string>): Promise<Answer[]> {
  const all: Answer[] = [];
  for (const verb of VERBS) {
    all.push(await system.rpc(verb, { async: asyncId }, headers));
    all.push(await system.request(`/v1/batches/${asyncId}/${verb}`, { method: 'POST', headers }));
  }
  return all;
}

async function assertLacks(asyncId: string, headers: Record<string, string>, lacking: string[]) {
  const before = await rowOf(asyncId);
  for (const { status, body } of await answers(asyncId, headers)) {
    assert.equal(status, 403, JSON.stringify(body));
    assert.deepEqual(
      body.additionalMessages ?? body.errors,
      lacking.map((permission) => `the key lacks ${permission}`),
    );
  }
  assert.deepEqual(await rowOf(asyncId), before);
}

async function assertMay(asyncId: string, headers: Record<string, string>) {
  for (const { status, body } of await answers(asyncId, headers))
    assert.ok(status === 200 || status === 202, JSON.stringify(body));
}

async function rowOf(asyncId: string) {
  const { rows } = await system.pool.query('select * from batchwright.batch where id = $1', [asyncId]);
  return { ...rows[0], actions: undefined };
}

/** Makes a batch look as if a release before this one had stored it. */
const forget = (asyncId: string) =>
  system.pool.query('update batchwright.batch set actions = null where id = $1', [asyncId]);

const callbackUrl = 'http://127.0.0.1:9/';
const skipInvalid = { options: { skipInvalid: true } };

describe('keys without the permission of an action in the batch are answered 403 and change nothing', () => {
  for (const [what, prepare] of [
    ['', async () => {}],
    [', also when an earlier release has stored it', forget],
  ] as const) {
    test(`a key for another action, or for none, may not control the batch${what}`, async () => {
      const asyncId = await system.run([refuse, echo, refuse], { callbackUrl });
      await prepare(asyncId);
      await assertLacks(asyncId, await keyOf(['test.echo']), ['rpc.refuse']);
      await assertLacks(asyncId, await keyOf(['rpc.*']), ['test.echo']);
      await assertLacks(asyncId, await keyOf(['admin']), ['rpc.refuse', 'test.echo']);
    });

    test(`a key without the permission that the action names may not control the batch${what}`, async () => {
      const asyncId = await system.run([special]);
      await prepare(asyncId);
      await assertLacks(asyncId, await keyOf(['rpc.special']), ['rpc.restricted']);
    });

    test(`a key without a permission for a job in the last of many chunks may not control the batch${what}`, async () => {
      const asyncId = await system.run([...Array.from({ length: 2500 }, () => echo), refuse]);
      await prepare(asyncId);
      await assertLacks(asyncId, await keyOf(['test.*']), ['rpc.refuse']);
    });

    test(`a key without a permission for a job that skipInvalid let pass may not control the batch${what}`, async () => {
      const invalid = { ...echo, params: { n: 'x' } };
      const asyncId = await system.run([refuse, invalid], skipInvalid);
      await prepare(asyncId);
      await assertLacks(asyncId, await keyOf(['rpc.*']), ['test.echo']);
    });
  }
});

describe('keys that may run every action of the batch', () => {
  for (const permissions of [['*'], ['test.*', 'rpc.*'], ['test.echo', 'rpc.refuse', 'rpc.restricted']])
    test(`a key with ${permissions} may restart, repost and cancel a batch of this or an earlier release`, async () => {
      for (const prepare of [async () => {}, forget]) {
        const asyncId = await system.run([echo, refuse, special], { callbackUrl });
        await prepare(asyncId);
        await assertMay(asyncId, await keyOf(permissions));
      }
    });

  test('no permission is needed for unknown actions or values that are not jobs', async () => {
    for (const prepare of [async () => {}, forget]) {
      const unknown = { namespace: 'nobody', action: 'knows', params: {} };
      const asyncId = await system.run([echo, unknown, 7, 'x', { namespace: 1 }, null], skipInvalid);
      await prepare(asyncId);
      await assertMay(asyncId, await keyOf(['test.echo']));
    }
  });

  test('the permission that an action has today is needed', async () => {
    const asyncId = await system.run([echo]);
    await system.pool.query(
      "update batchwright.batch set actions = '{rpc.special,gone.away}' where id = $1",
      [asyncId],
    );
    await assertLacks(asyncId, await keyOf(['rpc.special']), ['rpc.restricted', 'gone.away']);
    await assertMay(asyncId, await keyOf(['rpc.restricted', 'gone.*']));
  });
});

test('another tenant gets 404 for the batch, whatever its key permits', async () => {
  const asyncId = await system.run([echo]);
  for (const permissions of [['*'], ['admin']])
    for (const { status } of await answers(asyncId, await keyOf(permissions, 'stranger')))
      assert.equal(status, 404);
});

test('reading needs the tenant and no permission', async () => {
  const asyncId = await system.run([refuse]);
  const headers = await keyOf(['test.echo']);
  assert.equal((await system.rpc('progress', { async: asyncId }, headers)).status, 200);
  for (const path of ['', '/results', '/callbacks'])
    assert.equal((await system.request(`/v1/batches/${asyncId}${path}`, { headers })).status, 200, path);
});

test('the actions of a batch stored by an earlier release are collected once', async () => {
  const asyncId = await system.run([echo, refuse, echo]);
  await forget(asyncId);
  await answers(asyncId, await keyOf(['*']));
  const { rows } = await system.pool.query('select actions from batchwright.batch where id = $1', [asyncId]);
  assert.deepEqual(rows[0].actions.sort(), ['rpc.refuse', 'test.echo']);
});
