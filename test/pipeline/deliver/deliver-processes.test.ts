import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { startSystem } from '../../support/system.ts';
import { startReceiver, verified } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackOf,
  callbackSecret,
  deliveries,
  endedBatch,
  queuedCallbacks,
  startDelivering,
} from './deliver-support.ts';

const system = await startSystem({ after }, { worker: false });
const secret = await callbackSecret(system);

type Query = (...parameters: unknown[]) => Promise<unknown>;

/** A receiver that does not answer its first callback until it may. */
async function startHoldingReceiver(t: Parameters<typeof startReceiver>[0]) {
  let held: ServerResponse | undefined;
  const receiver = await startReceiver(t, {
    answer(response, number) {
      if (number === 1) held = response;
      else response.end();
    },
  });
  return Object.assign(receiver, { release: () => held?.end() });
}

/** Resolves when the worker has logged this line. */
function logs(child: ChildProcess, message: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => text.includes(`"msg":"${message}"`) && resolve());
    child.once('exit', () => reject(new Error(`the worker ended before it logged "${message}"`)));
  });
}

describe('callbacks whose worker stops', () => {
  test('a callback whose worker is killed while it sends is delivered by another under the same id', async (t) => {
    const receiver = await startHoldingReceiver(t);
    const killed = await system.forkWorker();
    const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }], {
      callbackUrl: receiver.url,
    });
    await receiver.received(1);
    const gone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await gone;
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 0 });
    // As if its last heartbeat were 10 s old.
    await system.pool.query(
      `update pgboss.job set heartbeat_on = heartbeat_on - interval '10 seconds'
       where name = 'callbacks' and state = 'active'`,
    );
    const other = await system.addWorker();
    const [first, second] = await receiver.received(2);
    assert.ok(first && second);
    assert.equal(second.id, first.id);
    assert.equal(second.body, first.body);
    assert.equal(verified(secret, second).asyncId, asyncId);
    // The attempt that ended with its worker was not a failure, and used no entry of the schedule.
    assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
      state: 'delivered',
      attempts: 1,
    });
    assert.equal(receiver.callbacks.length, 2);
    await other.drain();
  });

  test('a worker that drains while it sends a callback delivers it if the receiver answers in time', async (t) => {
    const receiver = await startHoldingReceiver(t);
    const worker = await system.forkWorker();
    const asyncId = await endedBatch(system, receiver.url);
    await receiver.received(1);
    const draining = logs(worker, 'draining');
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    await draining;
    receiver.release();
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'delivered', attempts: 1 });
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
    assert.equal(receiver.callbacks.length, 1);
  });

  test('a callback whose worker stops before the receiver answers is delivered by the next and nothing is counted', async (t) => {
    const receiver = await startHoldingReceiver(t);
    const first = await startDelivering(t, system, { retrySeconds: [] });
    const asyncId = await endedBatch(system, receiver.url);
    await receiver.received(1);
    await first.stop();
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 0 });
    assert.deepEqual(await deliveries(system, asyncId), []);

    await startDelivering(t, system, { retrySeconds: [] });
    assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
      state: 'delivered',
      attempts: 1,
    });
    const [before, again] = await receiver.received(2);
    assert.equal(again?.id, before?.id);
    assert.deepEqual(
      (await deliveries(system, asyncId)).map(({ number, status }) => [number, status]),
      [[1, 200]],
    );
  });

  for (const [when, { lostPage, pages, invalid, connections }] of Object.entries({
    // More jobs than are read together with their batch: two pages.
    reads: { lostPage: 1, pages: 1 + 2, invalid: Array(60).fill({ n: 'none' }), connections: 1 },
    // Its results take two pages, which are too large to be kept: they are read once in vain, again to be
    // signed, and again to be sent.
    sends: {
      lostPage: 5,
      pages: 5 + 6,
      invalid: Array.from({ length: 5 }, () => ({ n: 'none', text: 'x'.repeat(300_000) })),
      connections: 2,
    },
  }))
    test(`a callback that loses the database while it ${when} is tried again, and nothing is counted`, async (t) => {
      const receiver = await startReceiver(t);
      let read = 0;
      const query: Query = (...parameters) =>
        (parameters[0] as { name?: string }).name === 'result-page' && ++read === lostPage
          ? Promise.reject(Object.assign(new Error('terminating connection'), { code: '57P01' }))
          : Reflect.apply(system.pool.query, system.pool, parameters);
      const pool = Object.assign(Object.create(system.pool), { query });
      await startDelivering(t, system, { pool, retrySeconds: [] });
      const asyncId = await endedBatch(system, receiver.url, invalid);
      assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
        state: 'delivered',
        attempts: 1,
      });
      assert.equal(read, pages);
      assert.equal(receiver.connections, connections);
      assert.equal(receiver.callbacks.length, 1);
      assert.equal((await deliveries(system, asyncId)).length, 1);
    });

  test('a callback whose results cannot be read waits for its next scheduled attempt', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await endedBatch(system, receiver.url);
    // An unknown format.
    await system.pool.query(`update batchwright.chunk set body = '\\xff' where batch_id = $1`, [
      toBatchId(asyncId),
    ]);
    await startDelivering(t, system, { retrySeconds: [3600] });
    const [line] = await attemptsLogged(system, asyncId, 1);
    assert.deepEqual([line?.status, line?.error, line?.nextInSeconds], [null, 'the request failed', 3600]);
    assert.equal(receiver.connections, 0);
  });
});
