import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { startReceiver } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackMessagesGone,
  callbackOf,
  deliveries,
  endedBatch,
  hastenCallback,
  startDelivering,
} from './deliver-support.ts';

// No worker: each test starts its own lanes, with its own schedule.
const system = await startSystem({ after }, { worker: false });

async function repost(asyncId: string): Promise<void> {
  assert.deepEqual((await system.rpc('repost', { async: asyncId })).body, { reposted: true });
}

/** Delivers or drops every remaining message; returns the triggers of the attempts so far. */
async function triggersAtEnd(asyncId: string): Promise<string[]> {
  await hastenCallback(system, asyncId);
  await callbackMessagesGone(system, asyncId);
  return (await deliveries(system, asyncId)).map(({ trigger }) => trigger);
}

describe('a repost', () => {
  test('a repost replaces the waiting attempt, even if it is requested several times', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    for (const attempts of [1, 2, 3, 4]) {
      await attemptsLogged(system, asyncId, attempts);
      if (attempts < 4) await repost(asyncId);
    }
    // One more attempt, the last of the schedule, although two chains of attempts had one left.
    assert.deepEqual(await triggersAtEnd(asyncId), ['completion', 'repost', 'repost', 'repost', 'repost']);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'failed', attempts: 5 });
    assert.equal(new Set(receiver.callbacks.map(({ id }) => id)).size, 1);
  });

  test('a repost during running attempts is the only chain that continues', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600] });
    const open: ServerResponse[] = [];
    let opens = true;
    const receiver = await startReceiver(t, {
      answer: (response) => (opens ? open.push(response) : response.writeHead(500).end()),
    });
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
    ]) {
      open.length = 0;
      opens = true;
      const asyncId = await endedBatch(system, receiver.url);
      for (const attempt of [1, 2, 3]) {
        await waitFor(async () => open.length === attempt, { what: `attempt ${attempt} to be under way` });
        if (attempt < 3) await repost(asyncId);
      }
      opens = false;
      for (const [position, index] of order.entries()) {
        open[index]?.writeHead(500).end();
        await attemptsLogged(system, asyncId, position + 1);
      }
      assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 3 });
      assert.equal((await triggersAtEnd(asyncId)).at(3), 'repost');
      assert.deepEqual(await callbackOf(system, asyncId), { state: 'failed', attempts: 4 });
    }
  });

  test('a repost is not undone by an older attempt that fails after it has failed for good', async (t) => {
    await startDelivering(t, system, { retrySeconds: [] });
    const open: ServerResponse[] = [];
    const receiver = await startReceiver(t, {
      answer: (response, number) => (number === 1 ? open.push(response) : response.writeHead(410).end()),
    });
    const asyncId = await endedBatch(system, receiver.url);
    await waitFor(async () => open.length === 1, { what: 'the first attempt to be under way' });
    await repost(asyncId);
    await callbackBecomes(system, asyncId, 'failed');
    open[0]?.writeHead(500).end();
    await attemptsLogged(system, asyncId, 2);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'failed', attempts: 2 });
  });

  test('a repost replaces the waiting attempt whichever of the two began earlier', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await repost(asyncId);
    // As if the repost had begun first, and waited until the attempt was logged.
    await system.pool.query(
      `update batchwright.batch set reposted_at = created_at - interval '1 minute' where id = $1`,
      [toBatchId(asyncId)],
    );
    await attemptsLogged(system, asyncId, 2);
    assert.deepEqual(await triggersAtEnd(asyncId), ['completion', 'repost', 'repost']);
  });

  test('a repost removes only the announced attempt that it replaces from the log', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600, 3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await hastenCallback(system, asyncId);
    // In this log the next attempt was due an hour ago: as if the first had been made an hour earlier.
    await attemptsLogged(system, asyncId, 2);
    await system.pool.query(
      `update batchwright.delivery set attempted_at = now() - interval '1 hour', next_attempt_at = now() - interval '1 ms'
       where batch_id = $1 and number = 1`,
      [toBatchId(asyncId)],
    );
    await repost(asyncId);
    const lines = await attemptsLogged(system, asyncId, 3);
    assert.deepEqual(
      lines.map(({ nextInSeconds }) => nextInSeconds && Math.round(nextInSeconds)),
      [3600, null, 3600],
    );
  });

  test('a repost removes an overdue attempt from the log too', async (t) => {
    const delivering = await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await delivering.stop();
    await system.pool.query('update batchwright.delivery set next_attempt_at = now() where batch_id = $1', [
      toBatchId(asyncId),
    ]);
    await repost(asyncId);
    assert.deepEqual((await deliveries(system, asyncId))[0]?.nextInSeconds, null);
  });

  test('a repost of one batch does not change the callbacks of others', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    const other = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await attemptsLogged(system, other, 1);
    await repost(asyncId);
    await attemptsLogged(system, asyncId, 2);
    assert.deepEqual(await triggersAtEnd(other), ['completion', 'completion']);
  });
});
