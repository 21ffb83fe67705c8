import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toBatchId } from '../../../src/domain/batch.ts';
import { sweep } from '../../../src/pipeline/upkeep/sweep.ts';
import { startSystem } from '../../support/system.ts';
import { startReceiver, startReluctantReceiver, verified } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackMessagesGone,
  callbackOf,
  callbackSecret,
  callbackTo,
  deliveries,
  endedBatch,
  hastenCallback,
  queuedCallbacks,
  startDelivering,
} from './deliver-support.ts';

const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '3600,3600' } });
const secret = await callbackSecret(system);

const behave = (params: object) => ({ namespace: 'test', action: 'behave', params });
const openGate = (name: string) => system.pool.query('insert into test.gate (name) values ($1)', [name]);
const closeGate = (name: string) => system.pool.query('delete from test.gate where name = $1', [name]);

async function restart(asyncId: string): Promise<void> {
  assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: true });
}

describe('a restart', () => {
  test('a restart supersedes a callback that waits for its next attempt', async (t) => {
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number === 1 ? 503 : 200).end(),
    });
    await openGate('superseded');
    const jobs = [behave({ n: 1 }), behave({ gate: 'superseded', fatal: 'broken' })];
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    await attemptsLogged(system, asyncId, 1);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 1 });

    await closeGate('superseded');
    await restart(asyncId);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'superseded', attempts: 0 });
    assert.equal((await deliveries(system, asyncId))[0]?.nextInSeconds, null, 'no attempt is to come');
    await hastenCallback(system, asyncId);
    await callbackMessagesGone(system, asyncId);
    assert.equal(receiver.callbacks.length, 1);
    assert.equal((await callbackOf(system, asyncId)).state, 'superseded');

    await openGate('superseded');
    assert.deepEqual(await callbackBecomes(system, asyncId, 'delivered'), {
      state: 'delivered',
      attempts: 1,
    });
    const [first, second] = await receiver.received(2);
    assert.ok(first && second);
    assert.notEqual(second.id, first.id);
    const { counts, results } = verified(secret, second);
    assert.deepEqual(counts, {
      total: 2,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 1,
      failed: 1,
      cancelled: 0,
      skipped: 0,
    });
    assert.deepEqual(
      results.map(({ status }: { status: string }) => status),
      ['succeeded', 'failed'],
    );
    // The kept result is the same as in the first callback.
    assert.deepEqual(results[0], verified(secret, first).results[0]);
    assert.equal(receiver.callbacks.length, 2);
  });

  test('a restart sends one more callback at the end when the first was delivered', async (t) => {
    const receiver = await startReceiver(t);
    await openGate('again');
    const jobs = [behave({ gate: 'again', fatal: 'broken' })];
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    await callbackBecomes(system, asyncId, 'delivered');
    await closeGate('again');
    await restart(asyncId);
    const { body } = await system.request(`/v1/batches/${asyncId}`);
    assert.deepEqual(body.callback, { url: receiver.url, state: 'pending', attempts: 0 });
    await openGate('again');
    const [first, second] = await receiver.received(2);
    assert.notEqual(second?.id, first?.id);
    await callbackMessagesGone(system, asyncId);
    const log = await attemptsLogged(system, asyncId, 2);
    assert.deepEqual(
      log.map(({ number, trigger, status }) => [number, trigger, status]),
      [
        [1, 'completion', 200],
        [2, 'completion', 200],
      ],
    );
    assert.equal(receiver.callbacks.length, 2);
  });

  test('a restart without a job to run sends no callback', async (t) => {
    const receiver = await startReceiver(t);
    const asyncId = await system.run([behave({ n: 1 })], { callbackUrl: receiver.url });
    await callbackBecomes(system, asyncId, 'delivered');
    assert.deepEqual((await system.rpc('restart', { async: asyncId })).body, { restarted: false });
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'delivered', attempts: 1 });
  });

  test('a restart while the callback is being sent cuts it off before its end', async (t) => {
    // Larger than the socket buffers: the sender must wait for its receiver.
    const text = 'x'.repeat(100_000);
    const jobs = [
      ...Array.from({ length: 80 }, () => ({ namespace: 'test', action: 'echo', params: { text } })),
      behave({ gate: 'cut', fatal: 'broken' }),
    ];
    await openGate('cut');
    const receiver = await startReluctantReceiver(t);
    const asyncId = await system.run(jobs, { callbackUrl: receiver.url });
    const request = await receiver.request(1);
    await closeGate('cut');
    await restart(asyncId);
    const { bytes, complete } = await receiver.read(request);
    assert.equal(complete, false);
    const announced = Number(request.headers['content-length']);
    assert.ok(announced > 16_000_000, `${announced}`);
    assert.ok(bytes.length < announced, `${bytes.length} of ${announced}`);
    const [line] = await attemptsLogged(system, asyncId, 1);
    assert.equal(line?.error, 'the batch was restarted while its callback was being sent');
    assert.equal(line.nextInSeconds, null);
    assert.equal((await callbackOf(system, asyncId)).state, 'superseded');
    await callbackMessagesGone(system, asyncId);

    await openGate('cut');
    const again = await receiver.request(2);
    assert.notEqual(again.headers['webhook-id'], request.headers['webhook-id']);
    assert.equal((await receiver.read(again)).complete, true);
    await callbackBecomes(system, asyncId, 'delivered');
  });

  test('a restart between reading the batch and reading its results sends no complete callback', async (t) => {
    const apart = await startSystem(t, { worker: false });
    const receiver = await startReceiver(t);
    const worker = await apart.addWorker();
    const broken = behave({ fatal: 'broken' });
    // More jobs than are read together with their batch.
    const many = Array(60).fill(broken);
    const asyncIds = [
      await apart.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }, ...many]),
      await apart.run(many),
    ];
    for (const asyncId of asyncIds) await apart.ended(asyncId);
    await worker.drain();
    let asyncId = '';
    await startDelivering(t, apart, {
      // Requested after the batch was read: some results, or all, are deleted before the results are
      // read.
      async signingSecrets() {
        assert.deepEqual((await apart.rpc('restart', { async: asyncId })).body, { restarted: true });
        return [secret];
      },
    });
    for (asyncId of asyncIds) {
      await callbackTo(apart, asyncId, receiver.url);
      await callbackMessagesGone(apart, asyncId);
      assert.deepEqual(receiver.callbacks, []);
      assert.equal((await callbackOf(apart, asyncId)).state, 'superseded');
      const [line] = await deliveries(apart, asyncId);
      assert.equal(line?.error, 'the batch was restarted while its callback was being sent');
    }
  });

  test('a restart leaves no message that hides the loss of the next one from the sweep', async (t) => {
    const apart = await startSystem(t, { worker: false });
    const { deps } = await startDelivering(t, apart, { lanes: 0 });
    const asyncId = await endedBatch(apart, 'http://127.0.0.1:65535/hook');
    // Restarted and ended again, while the first message waits and the second was lost.
    await apart.pool.query(
      `update batchwright.batch set generation = 2, finished_at = now() - interval '1 minute' where id = $1`,
      [toBatchId(asyncId)],
    );
    await sweep({ ...deps, registry: apart.registry, queues: apart.registry.queues });
    assert.deepEqual(
      (await queuedCallbacks(apart, asyncId)).map(({ generation, attempt }) => [generation, attempt]),
      [
        [1, 1],
        [2, 1],
      ],
    );
  });
});
