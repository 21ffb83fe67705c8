import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type ConsumerOptions, type Lane, startConsumer } from '../../src/queue/consumer.ts';
import { waitFor } from '../support/wait.ts';

/** Messages in hand are kept alive this often. */
const KEEP_ALIVE_MS = 3000;

/** A queue of numbers in memory, whose handlers end when the test tells them. */
function startTaking(t: TestContext, waiting: number[], options: Partial<ConsumerOptions<number>> = {}) {
  const inHand = new Map<number, () => void>();
  const asked: number[] = [];
  const lanes = new Map<number, Lane>();
  const consumer = startConsumer<number>({
    room: 2,
    wakeAtEnd: false,
    async fetch(count) {
      asked.push(count);
      return { claims: waiting.splice(0, count) };
    },
    handle(claim, lane) {
      lanes.set(claim, lane);
      return new Promise<void>((resolve) => inHand.set(claim, resolve));
    },
    keepAlive: async () => {},
    onError: () => assert.fail('an error nobody expects'),
    ...options,
  });
  const finish = (claim: number) => {
    inHand.get(claim)?.();
    inHand.delete(claim);
  };
  t.after(async () => {
    const stopped = consumer.stop();
    for (const claim of [...inHand.keys()]) finish(claim);
    await stopped;
  });
  const holds = (...claims: number[]) =>
    waitFor(async () => JSON.stringify([...inHand.keys()]) === JSON.stringify(claims), {
      what: `${claims} to be in hand`,
    });
  return { consumer, asked, lanes, finish, holds };
}

describe('a consumer', () => {
  test('a consumer takes as many messages as it has free lanes, in one fetch', async (t) => {
    const { asked, holds } = startTaking(t, [1, 2, 3]);
    await holds(1, 2);
    assert.deepEqual(asked, [2]);
  });

  test('a consumer takes the next message as soon as a lane is free', async (t) => {
    const { finish, holds } = startTaking(t, [1, 2, 3]);
    await holds(1, 2);
    finish(1);
    await holds(2, 3);
  });

  test('a consumer does not fetch again from an empty queue until it is woken', async (t) => {
    const waiting = [1];
    const { consumer, asked, finish, holds } = startTaking(t, waiting);
    await holds(1);
    finish(1);
    await holds();
    assert.deepEqual(asked, [2]);
    waiting.push(2);
    consumer.wake();
    await holds(2);
  });

  test('a consumer fetches again at the end of each message when that may free others', async (t) => {
    const { asked, finish, holds } = startTaking(t, [1], { wakeAtEnd: true });
    await holds(1);
    finish(1);
    await waitFor(async () => asked.length === 2, { what: 'another fetch' });
  });

  test('a consumer takes one more message when one releases its lane, and waits for both at the end', async (t) => {
    const { lanes, finish, holds } = startTaking(t, [1, 2, 3, 4]);
    await holds(1, 2);
    lanes.get(1)?.release();
    lanes.get(1)?.release();
    await holds(1, 2, 3);
    finish(1);
    finish(2);
    await holds(3, 4);
  });

  test('a consumer frees nothing more at the end of a message that has released its lane', async (t) => {
    const { asked, lanes, finish, holds } = startTaking(t, [1, 2, 3, 4, 5]);
    await holds(1, 2);
    lanes.get(1)?.release();
    await holds(1, 2, 3);
    finish(1);
    await holds(2, 3);
    finish(2);
    await holds(3, 4);
    assert.deepEqual(asked, [2, 1, 1], 'there was room for one message at a time');
  });

  test('a consumer fetches again at once when other processes were in its way', async (t) => {
    const waiting = [1];
    let inTheWay = 3;
    const { holds } = startTaking(t, waiting, {
      fetch: async (count) =>
        inTheWay-- > 0 ? { claims: [], more: true } : { claims: waiting.splice(0, count) },
    });
    await holds(1);
  });

  test('a consumer takes as many messages as fit into its room, and waits until there is enough room', async (t) => {
    const waiting = [1, 1, 3, 1];
    let id = 0;
    const sizes = new Map<number, number>();
    const asked: number[] = [];
    const { finish, holds } = startTaking(t, [], {
      room: 4,
      sizeOf: (claim) => sizes.get(claim) ?? 0,
      async fetch(free) {
        asked.push(free);
        const claims: number[] = [];
        for (let left = free; (waiting[0] ?? 9) <= left; left -= sizes.get(id) ?? 0) {
          sizes.set(++id, waiting.shift() ?? 0);
          claims.push(id);
        }
        return { claims, isShort: waiting.length > 0 };
      },
    });
    await holds(1, 2);
    assert.deepEqual(asked, [4]);
    finish(1);
    await holds(2, 3);
    assert.deepEqual(asked, [4, 3]);
    finish(2);
    await holds(3, 4);
    assert.deepEqual(asked, [4, 3, 1]);
  });

  test('a consumer reports a fetch that fails and continues', async (t) => {
    const errors: unknown[] = [];
    const waiting = [1];
    const { holds } = startTaking(t, waiting, {
      async fetch(count) {
        if (errors.length === 0) throw new Error('the database is away');
        return { claims: waiting.splice(0, count) };
      },
      onError: (error) => errors.push((error as Error).message),
    });
    await holds(1);
    assert.deepEqual(errors, ['the database is away']);
  });

  test('a consumer goes on fetching for a while after a failed fetch, which may have claimed messages', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let fetches = 0;
    startTaking(t, [], {
      async fetch() {
        if (++fetches === 1) throw new Error('the answer was lost');
        return { claims: [] };
      },
      onError: () => undefined,
    });
    for (const expected of [1, 2, 3, 4]) {
      await waitFor(async () => fetches === expected, { what: `fetch ${expected}` });
      t.mock.timers.tick(500);
    }
  });

  test('a consumer that stops takes no more messages and waits for those in hand', async (t) => {
    const { consumer, asked, finish, holds } = startTaking(t, [1, 2, 3]);
    await holds(1, 2);
    let stopped = false;
    const stopping = consumer.stop().then(() => {
      stopped = true;
    });
    finish(1);
    await holds(2);
    assert.equal(stopped, false);
    finish(2);
    await stopping;
    assert.deepEqual(asked, [2]);
  });

  test('a consumer that stops keeps alive what is in hand until the last message has ended', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const renewed: number[][] = [];
    const { consumer, finish, holds } = startTaking(t, [1, 2], {
      async keepAlive(claims) {
        renewed.push(claims);
      },
    });
    await holds(1, 2);
    const stopped = consumer.stop();
    t.mock.timers.tick(KEEP_ALIVE_MS);
    finish(1);
    await holds(2);
    t.mock.timers.tick(KEEP_ALIVE_MS);
    finish(2);
    await stopped;
    t.mock.timers.tick(KEEP_ALIVE_MS);
    assert.deepEqual(renewed, [[1, 2], [2]]);
  });

  test('a consumer repeats a failed renewal before the next one is due', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let renewals = 0;
    const { holds } = startTaking(t, [1, 2], {
      async keepAlive() {
        if (++renewals === 1) throw new Error('the database is away');
      },
      onError: () => undefined,
    });
    await holds(1, 2);
    t.mock.timers.tick(KEEP_ALIVE_MS);
    await waitFor(async () => renewals === 2, { what: 'the second try' });
  });
});
