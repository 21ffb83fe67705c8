import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { LimitedLog } from '../../../src/domain/limited-log.ts';
import { deliver } from '../../../src/pipeline/deliver/deliver.ts';
import { startSystem } from '../../support/system.ts';
import { startReceiver } from './deliver-receiver.ts';
import {
  attemptsLogged,
  callbackBecomes,
  callbackMessagesGone,
  callbackOf,
  deliveries,
  endedBatch,
  hastenCallback,
  queuedCallbacks,
  startDelivering,
} from './deliver-support.ts';

// No worker: each test starts its own lanes, with its own schedule.
const system = await startSystem({ after }, { worker: false });

describe('answers to a callback', () => {
  test('an answer counts as success when it is 2xx, and at no other status', async (t) => {
    await startDelivering(t, system, { retrySeconds: [] });
    const outcomes = new Map<number, string>();
    for (const status of [200, 201, 202, 204, 299, 300, 301, 304, 400, 404, 429, 500, 503]) {
      const receiver = await startReceiver(t, { answer: (response) => response.writeHead(status).end() });
      const asyncId = await endedBatch(system, receiver.url);
      const [line] = await attemptsLogged(system, asyncId, 1);
      assert.equal(line?.status, status);
      assert.equal(line.error, status < 300 ? null : `the receiver answered ${status}`);
      outcomes.set(status, (await callbackOf(system, asyncId)).state ?? '');
    }
    assert.deepEqual(
      [...outcomes].filter(([, state]) => state === 'delivered').map(([status]) => status),
      [200, 201, 202, 204, 299],
    );
    assert.deepEqual(
      [...outcomes].filter(([, state]) => state === 'failed').map(([status]) => status),
      [300, 301, 304, 400, 404, 429, 500, 503],
    );
  });

  test('a redirect is not followed and counts as a failure', async (t) => {
    await startDelivering(t, system, { retrySeconds: [] });
    const target = await startReceiver(t);
    for (const status of [301, 302, 303, 307, 308]) {
      const receiver = await startReceiver(t, {
        answer: (response) => response.writeHead(status, { location: target.url }).end(),
      });
      const asyncId = await endedBatch(system, receiver.url);
      assert.deepEqual(await callbackBecomes(system, asyncId, 'failed'), { state: 'failed', attempts: 1 });
      assert.equal(receiver.connections, 1);
    }
    assert.equal(target.connections, 0);
  });

  test('an answer of 410 stops the attempts, even with Retry-After', async (t) => {
    await startDelivering(t, system);
    const receiver = await startReceiver(t, {
      answer: (response) => response.writeHead(410, { 'retry-after': '1' }).end(),
    });
    const asyncId = await endedBatch(system, receiver.url);
    assert.deepEqual(await callbackBecomes(system, asyncId, 'failed'), { state: 'failed', attempts: 1 });
    const [line] = await deliveries(system, asyncId);
    assert.equal(line?.status, 410);
    assert.equal(line.nextInSeconds, null);
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
    assert.equal(receiver.callbacks.length, 1);
  });
});

describe('the next attempt of a callback', () => {
  /** Fails once with these headers; returns the delay of the next message and the one in the log. */
  async function delayAfter(
    t: Parameters<typeof startReceiver>[0],
    headers: Record<string, string>,
  ): Promise<{ queued: number; logged: number }> {
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(503, headers).end() });
    const asyncId = await endedBatch(system, receiver.url);
    const [line] = await attemptsLogged(system, asyncId, 1);
    const [message] = await queuedCallbacks(system, asyncId);
    assert.equal(message?.attempt, 2);
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 1 });
    return { queued: Math.round(message.delaySeconds), logged: Math.round(line?.nextInSeconds ?? -1) };
  }

  test('the next attempt comes when Retry-After asks for it, but not before its scheduled time', async (t) => {
    await startDelivering(t, system, { retrySeconds: [60] });
    const httpDate = new Date(Date.now() + 600_000).toUTCString();
    const now = new Date().toUTCString();
    const cases: [Record<string, string>, number][] = [
      [{}, 60],
      [{ 'retry-after': '5' }, 60],
      [{ 'retry-after': '120' }, 120],
      [{ 'retry-after': httpDate, date: now }, 600],
      [{ 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 60],
      [{ 'retry-after': 'soon' }, 60],
      [{ 'retry-after': '99999999999' }, 86_400],
    ];
    for (const [headers, seconds] of cases) {
      const { queued, logged } = await delayAfter(t, headers);
      assert.equal(queued, seconds, JSON.stringify(headers));
      assert.equal(logged, seconds, JSON.stringify(headers));
    }
  });

  test('attempts follow the schedule, and after the last one the callback has failed', async (t) => {
    await startDelivering(t, system, { retrySeconds: [5, 300, 1800] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    for (const [position, seconds] of [5, 300, 1800].entries()) {
      await attemptsLogged(system, asyncId, position + 1);
      const [message, ...more] = await queuedCallbacks(system, asyncId);
      assert.ok(message);
      assert.deepEqual(more, []);
      assert.deepEqual(
        { ...message, delaySeconds: Math.round(message.delaySeconds) },
        { attempt: position + 2, trigger: 'completion', generation: 1, delaySeconds: seconds },
      );
      await hastenCallback(system, asyncId);
    }
    assert.deepEqual(await callbackBecomes(system, asyncId, 'failed'), { state: 'failed', attempts: 4 });
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
    const log = await deliveries(system, asyncId);
    assert.deepEqual(
      log.map(({ durationMs: _, nextInSeconds, ...line }) => ({
        ...line,
        next: nextInSeconds === null ? null : Math.round(nextInSeconds),
      })),
      [5, 300, 1800, null].map((next, index) => ({
        number: index + 1,
        trigger: 'completion',
        status: 500,
        error: 'the receiver answered 500',
        next,
      })),
    );
    assert.equal(receiver.callbacks.length, 4);
  });

  test('a repost starts the schedule again', async (t) => {
    await startDelivering(t, system, { retrySeconds: [0, 60] });
    const receiver = await startReceiver(t, { answer: (response) => response.writeHead(500).end() });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 2);
    await system.pool.query(`delete from pgboss.job where name = 'callbacks'`);
    await system.rpc('repost', { async: asyncId });
    const log = await attemptsLogged(system, asyncId, 4);
    assert.deepEqual(
      log.map(({ trigger, nextInSeconds }) => [trigger, Math.round(nextInSeconds ?? -1)]),
      [
        ['completion', 0],
        ['completion', -1], // the repost replaced the next attempt
        ['repost', 0],
        ['repost', 60],
      ],
    );
    assert.deepEqual(await callbackOf(system, asyncId), { state: 'pending', attempts: 4 });
  });
});

describe('the log of attempts', () => {
  test('the log has the time that the receiver took, and no status when there was no answer', async (t) => {
    await startDelivering(t, system, { retrySeconds: [0] });
    const receiver = await startReceiver(t, {
      connection: (socket, number) => number === 1 && Boolean(socket.destroy()),
      answer: (response) => setImmediate(() => response.end()),
    });
    const asyncId = await endedBatch(system, receiver.url);
    await callbackBecomes(system, asyncId, 'delivered');
    const [first, second] = await deliveries(system, asyncId);
    assert.equal(first?.status, null);
    assert.match(first.error ?? '', /^the receiver closed the connection /);
    assert.equal(second?.status, 200);
    assert.equal(second.error, null);
    assert.equal(second.nextInSeconds, null);
    for (const { durationMs } of [first, second]) assert.ok(Number.isInteger(durationMs) && durationMs >= 0);
  });
});

describe('log lines about callbacks', () => {
  test('failed attempts and callbacks that failed for good are logged once per receiver', async (t) => {
    const lines: object[] = [];
    const write = (level: string) => (fields: object, msg: string) =>
      void lines.push({ level, msg, ...fields });
    const log = { info: write('info'), warn: write('warn'), error: write('error') };
    await startDelivering(t, system, { failures: new LimitedLog(log), retrySeconds: [60] });
    const busy = await startReceiver(t, { answer: (response) => response.writeHead(503).end() });
    const gone = await startReceiver(t);
    await gone.close();
    const [first = '', second = ''] = [
      await endedBatch(system, busy.url),
      await endedBatch(system, gone.url),
    ];
    for (const asyncId of [first, second]) await attemptsLogged(system, asyncId, 1);
    // Not once per batch.
    for (let n = 0; n < 3; n++) await attemptsLogged(system, await endedBatch(system, busy.url), 1);
    for (const asyncId of [first, second]) {
      await hastenCallback(system, asyncId);
      await callbackBecomes(system, asyncId, 'failed');
    }
    const inBoth = { tenant: 'default', count: 1 };
    const failed = {
      level: 'info',
      msg: 'callbacks failed and will be sent again',
      attempt: 1,
      nextInSeconds: 60,
    };
    const last = { level: 'warn', msg: 'callbacks failed for good', attempt: 2, nextInSeconds: null };
    const of503 = {
      ...inBoth,
      asyncId: first,
      receiver: `127.0.0.1:${busy.port}`,
      status: 503,
      error: 'the receiver answered 503',
    };
    const ofNone = {
      ...inBoth,
      asyncId: second,
      receiver: `127.0.0.1:${gone.port}`,
      status: null,
      error: 'connection refused',
    };
    const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    const sorted = (all: object[]) =>
      all.map((line) => Object.fromEntries(Object.entries(line).sort())).sort(byText);
    assert.deepEqual(
      sorted(lines),
      sorted([
        { ...failed, ...of503 },
        { ...failed, ...ofNone },
        { ...last, ...of503 },
        { ...last, ...ofNone },
      ]),
    );
  });
});

describe('lanes that lose a callback message', () => {
  test('a lane that lost its message logs its attempt and does not undo the delivery of the other lane', async (t) => {
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number === 1 ? 200 : 500).end(),
    });
    await startDelivering(t, system, {
      retrySeconds: [60],
      // It has read the batch when the other lane takes the message over and delivers.
      handle: (deps, claim) =>
        deliver(
          {
            ...deps,
            async signingSecrets(tenant) {
              await deliver(deps, claim);
              return deps.signingSecrets(tenant);
            },
          },
          claim,
        ),
    });
    const asyncId = await endedBatch(system, receiver.url);
    const log = await attemptsLogged(system, asyncId, 2);
    assert.deepEqual(
      log.map(({ status, nextInSeconds }) => [status, nextInSeconds]),
      [
        [200, null],
        [500, null],
      ],
    );
    assert.equal((await callbackOf(system, asyncId)).state, 'delivered');
    assert.deepEqual(await queuedCallbacks(system, asyncId), []);
  });

  test('the next attempt does not send a callback that a lane without its message has delivered', async (t) => {
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number === 1 ? 500 : 200).end(),
    });
    await startDelivering(t, system, {
      retrySeconds: [3600],
      // It has read the batch when the other lane takes the message over, fails and plans the next attempt.
      handle: (deps, claim) =>
        deliver(
          {
            ...deps,
            async signingSecrets(tenant) {
              if (claim.message.attempt === 1) await deliver(deps, claim);
              return deps.signingSecrets(tenant);
            },
          },
          claim,
        ),
    });
    const asyncId = await endedBatch(system, receiver.url);
    await callbackBecomes(system, asyncId, 'delivered');
    await hastenCallback(system, asyncId);
    await callbackMessagesGone(system, asyncId);
    assert.equal(receiver.callbacks.length, 2);
  });
});

describe('callbacks delivered by a repost', () => {
  test('the attempt that was still scheduled does not send a callback that a repost has delivered', async (t) => {
    await startDelivering(t, system, { retrySeconds: [3600] });
    const receiver = await startReceiver(t, {
      answer: (response, number) => response.writeHead(number === 1 ? 500 : 200).end(),
    });
    const asyncId = await endedBatch(system, receiver.url);
    await attemptsLogged(system, asyncId, 1);
    await system.rpc('repost', { async: asyncId });
    await callbackBecomes(system, asyncId, 'delivered');
    await hastenCallback(system, asyncId);
    await callbackMessagesGone(system, asyncId);
    assert.equal(receiver.callbacks.length, 2);
  });
});
