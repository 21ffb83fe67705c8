import assert from 'node:assert/strict';
import { after, beforeEach, describe, type TestContext, test } from 'node:test';
import { PgBoss } from 'pg-boss';
import { createPool } from '../../src/postgres/pools.ts';
import { transaction } from '../../src/postgres/transaction.ts';
import type { Lane } from '../../src/queue/consumer.ts';
import { QuarantineFetcher } from '../../src/queue/fetch-quarantine.ts';
import type { ChunkMessage, Claim } from '../../src/queue/messages.ts';
import { startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

/** After this time a quarantine has another place for messages that have jobs to start. */
const ANOTHER_PLACE_MS = 1000;

const { url, pool } = await createDatabase({ after });
const queue = await startTestQueue({ after });
beforeEach(() => pool.query('delete from pgboss.job'));

async function startTestQueue(t: { after(fn: () => Promise<void>): void }) {
  const started = await startQueue({
    url,
    queues: ['default'],
    applicationName: 'test',
    max: 2,
    log: silentLog,
  });
  t.after(() => started.stop());
  return started;
}

/** Sends chunks of a batch whose worker died. */
function send(batch: string, ...chunks: number[]): Promise<void> {
  return transaction(pool, async (client) => {
    for (const chunk of chunks) {
      const message = { batch: batchIdOf(batch), tenant: 'a', action: 'x', generation: 1, attempt: 1 };
      await queue.sendToQuarantine(client, 'default', { ...message, chunk });
    }
  });
}

/** @param name a hexadecimal digit */
function batchIdOf(name: string): string {
  return `00000000-0000-7000-8000-00000000000${name}`;
}

function named({ message: { batch, chunk } }: Claim<ChunkMessage>): string {
  return `${batch.at(-1)} ${chunk}`;
}

describe('a fetch of the quarantine', () => {
  const bossPool = createPool({ url, max: 1, applicationName: 'test', log: silentLog, forLibrary: true });
  const boss = new PgBoss({
    db: { executeSql: (text, values) => bossPool.query(text, values) },
    schema: 'pgboss',
  });
  after(() => bossPool.end());

  function fetcherOf() {
    const fetcher = new QuarantineFetcher(boss, 'quarantine.default');
    const held = new Map<string, Claim<ChunkMessage>>();
    return {
      /** Claims messages until there is none to take; returns each as `batch chunk`. */
      async take(): Promise<string[]> {
        const taken: string[] = [];
        for (;;) {
          const { claims } = await fetcher.fetch();
          if (claims.length === 0) return taken;
          for (const claim of claims) held.set(named(claim), claim);
          taken.push(...claims.map(named));
        }
      },
      release(name: string): void {
        const claim = held.get(name);
        assert.ok(claim);
        fetcher.release(claim);
      },
    };
  }

  /** Returns a function that lets time pass. */
  function stopClock(t: TestContext): (ms: number) => void {
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    return (ms) => {
      now += ms;
    };
  }

  test('a quarantine takes one message of a batch and leaves the others to other quarantines', async (t) => {
    const pass = stopClock(t);
    const [one, another] = [fetcherOf(), fetcherOf()];
    await send('a', 1, 2, 3);
    assert.deepEqual(await one.take(), ['a 1']);
    pass(10 * ANOTHER_PLACE_MS);
    assert.deepEqual(await one.take(), []);
    assert.deepEqual(await another.take(), ['a 2']);
    one.release('a 1');
    assert.deepEqual(await one.take(), ['a 3']);
  });

  test('a quarantine takes messages of other batches one by one, each a second after the last', async (t) => {
    const pass = stopClock(t);
    const { take } = fetcherOf();
    await send('a', 1, 2);
    await send('b', 3);
    await send('c', 4);
    assert.deepEqual(await take(), ['a 1']);
    pass(ANOTHER_PLACE_MS - 1);
    assert.deepEqual(await take(), [], 'an idle quarantine could take it');
    pass(1);
    assert.deepEqual(await take(), ['b 3']);
    pass(ANOTHER_PLACE_MS);
    assert.deepEqual(await take(), ['c 4']);
  });

  test('a quarantine keeps its places while it has messages, and begins with one place again', async (t) => {
    const pass = stopClock(t);
    const { take, release } = fetcherOf();
    await send('a', 0);
    await send('b', 1);
    await send('c', 2);
    await send('d', 3);
    await send('e', 4);
    assert.deepEqual(await take(), ['a 0']);
    pass(ANOTHER_PLACE_MS);
    assert.deepEqual(await take(), ['b 1']);
    release('b 1');
    assert.deepEqual(await take(), ['c 2'], 'at once, in the place of the other');
    release('a 0');
    release('c 2');
    assert.deepEqual(await take(), ['d 3'], 'only one');
  });
});

test('a quarantine takes the next message of a batch when the lane of the first is released', async (t) => {
  const lanes = new Map<string, Lane>();
  const ended = Promise.withResolvers<void>();
  const consumer = queue.quarantineLanes('default', async (claim, lane) => {
    lanes.set(named(claim), lane);
    await ended.promise;
    await transaction(pool, (client) => queue.complete(client, claim));
  });
  t.after(async () => {
    const stopped = consumer.stop();
    ended.resolve();
    await stopped;
  });
  const holds = (...names: string[]) =>
    waitFor(async () => JSON.stringify([...lanes.keys()]) === JSON.stringify(names), {
      what: `${names} to be in hand`,
    });
  await send('a', 1, 2);
  await holds('a 1');
  lanes.get('a 1')?.release();
  await holds('a 1', 'a 2');
});
