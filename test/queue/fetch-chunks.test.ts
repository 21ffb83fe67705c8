import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { releaseClaim } from '../../src/queue/claims.ts';
import { ChunkFetcher, type Room, SMALL_PER_LANE } from '../../src/queue/fetch-chunks.ts';
import type { ChunkMessage, Claim } from '../../src/queue/messages.ts';
import { type ChunkSendOptions, startQueue } from '../../src/queue/queue.ts';
import { waitingBatches } from '../../src/queue/waiting-batches.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const { url, pool } = await createDatabase({ after });
const queue = await startQueue({ url, queues: ['default'], applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());
beforeEach(() => pool.query('delete from pgboss.job'));

/** Room for all actions. */
const ALL: Room = { free: {}, later: {} };

let batches = 0;

/** Makes this many batches of one job wait, or this many chunks of one batch. */
async function wait(
  tenant: string,
  action: string,
  {
    count = 1,
    chunks = 1,
    from = 0,
    isSmall,
    priority,
    ...options
  }: {
    count?: number;
    chunks?: number;
    from?: number;
    isSmall?: true;
    priority?: number;
  } & ChunkSendOptions = {},
): Promise<void> {
  await transaction(pool, async (client) => {
    for (let number = 0; number < count; number++) {
      const batch = `00000000-0000-7000-8000-${String(++batches).padStart(12, '0')}`;
      const message = { batch, tenant, action, isSmall, priority, generation: 1, attempt: 1 };
      const messages = Array.from({ length: chunks }, (_, chunk) => ({ ...message, chunk: from + chunk }));
      await queue.sendChunks(client, 'default', messages, options);
    }
  });
}

function fetcherOf(holder = 'test') {
  const fetcher = new ChunkFetcher(pool, 'jobs.default', holder);
  return Object.assign(fetcher, {
    /** Claims messages, as `tenant action chunk`. */
    take: async (lanes: number, room: Partial<Room> = {}) =>
      (await fetcher.fetch(lanes * SMALL_PER_LANE, { ...ALL, ...room })).claims.map(named),
  });
}

function named({ message: { tenant, action, chunk } }: Claim<ChunkMessage>): string {
  return `${tenant} ${action} ${chunk}`;
}

/** The number of occurrences of each. */
function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe('a fetch of chunks', () => {
  test('a fetch serves the tenant with the fewest messages in hand, even if another has many waiting', async () => {
    await wait('a', 'x', { count: 20 });
    const fetcher = fetcherOf();
    assert.deepEqual(count(await fetcher.take(4)), { 'a x 0': 4 });
    await wait('b', 'x', { count: 6 });
    assert.deepEqual(count(await fetcher.take(5)), { 'b x 0': 5 });
    assert.deepEqual(count(await fetcher.take(3)), { 'a x 0': 2, 'b x 0': 1 });
  });

  test('tenants take turns when there are fewer lanes than tenants', async () => {
    const tenants = Array.from({ length: 30 }, (_, n) => `t${String(n).padStart(2, '0')}`);
    for (const tenant of tenants) await wait(tenant, 'x', { count: 3 });
    const fetcher = fetcherOf();
    const served: string[] = [];
    for (let round = 0; round < 15; round++) {
      const { claims } = await fetcher.fetch(2 * SMALL_PER_LANE, ALL);
      served.push(...claims.map(({ message }) => message.tenant ?? ''));
      for (const claim of claims) fetcher.release(claim);
    }
    assert.deepEqual(served.toSorted(), tenants);
  });

  test('a fetch shares the part of a tenant among its actions, and among first and later chunks', async () => {
    await wait('a', 'x', { count: 50 });
    await wait('a', 'y', { count: 2 });
    await wait('a', 'x', { chunks: 50, from: 1 });
    const taken = count((await fetcherOf().take(12)).map((name) => name.replace(/[1-9]\d*$/, 'later')));
    assert.equal(taken['a y 0'], 2);
    assert.ok((taken['a x 0'] ?? 0) >= 4 && (taken['a x later'] ?? 0) >= 4, JSON.stringify(taken));
  });

  test('first and small chunks come before later chunks of the same action when later ones are in hand', async () => {
    await wait('a', 'x', { chunks: 5, from: 1 });
    const fetcher = fetcherOf();
    assert.deepEqual(await fetcher.take(2), ['a x 1', 'a x 2']);
    await wait('a', 'x', { isSmall: true });
    assert.deepEqual(await fetcher.take(1), ['a x 0']);
    await wait('a', 'x');
    assert.deepEqual(await fetcher.take(1), ['a x 0']);
  });

  test('later chunks do not starve when there is one lane', async () => {
    await wait('a', 'x', { count: 40 });
    await wait('a', 'x', { chunks: 40, from: 1 });
    const fetcher = fetcherOf();
    const served: string[] = [];
    for (let round = 0; round < 40; round++) {
      const { claims } = await fetcher.fetch(1 * SMALL_PER_LANE, ALL);
      served.push(...claims.map(({ message }) => (message.chunk === 0 ? 'first' : 'later')));
      for (const claim of claims) fetcher.release(claim);
    }
    // A fair coin that falls on one side forty times: once in 10^12.
    assert.deepEqual(Object.keys(count(served)).sort(), ['first', 'later']);
  });

  test('a fetch takes as many small chunks in place of one other as fit into a lane', async () => {
    await wait('a', 'x', { count: 40, isSmall: true });
    const fetcher = fetcherOf();
    for (const expected of [2 * SMALL_PER_LANE, 40 - 2 * SMALL_PER_LANE]) {
      const { claims, isShort } = await fetcher.fetch(2 * SMALL_PER_LANE, ALL);
      assert.deepEqual([claims.length, isShort], [expected, false]);
    }
  });

  test('a fetch leaves a chunk that does not fit, and those after it', async () => {
    await wait('a', 'x', { count: 2 });
    const fetcher = fetcherOf();
    const { claims, isShort } = await fetcher.fetch(2 * SMALL_PER_LANE - 1, ALL);
    assert.deepEqual([claims.length, isShort], [1, true]);
    const none = await fetcher.fetch(SMALL_PER_LANE - 1, ALL);
    assert.deepEqual([none.claims.length, none.isShort], [0, true]);
    assert.deepEqual(await fetcher.take(1), ['a x 0']);
  });

  test('a fetch takes chunks of one class by their number, then by their age', async () => {
    await wait('a', 'x', { chunks: 3, from: 1 });
    await wait('a', 'x', { chunks: 3, from: 1 });
    assert.deepEqual(await fetcherOf().take(4), ['a x 1', 'a x 1', 'a x 2', 'a x 2']);
  });

  test("of a tenant's messages, a fetch takes those with the highest priority, whatever their class and action", async () => {
    await wait('a', 'small', { isSmall: true });
    await wait('a', 'low', { priority: -1 });
    await wait('a', 'lowest', { isSmall: true, priority: -100 });
    await wait('a', 'later', { from: 2_500_000, priority: 1 });
    await wait('a', 'rest', { isRest: true, priority: 2 });
    await wait('a', 'retry', { delaySeconds: 0.001, priority: 3 });
    await wait('a', 'tiny', { isSmall: true, priority: 4 });
    await wait('a', 'highest', { priority: 100 });
    await pool.query(`update pgboss.job set start_after = now() - interval '1 s'`);
    const fetcher = fetcherOf();
    const served: string[] = [];
    for (let round = 0; round < 8; round++) {
      const { claims } = await fetcher.fetch(SMALL_PER_LANE, ALL);
      served.push(...claims.map(({ message }) => message.action ?? ''));
      for (const claim of claims) fetcher.release(claim);
    }
    assert.deepEqual(served, ['highest', 'tiny', 'retry', 'rest', 'later', 'small', 'low', 'lowest']);
  });

  test('one fetch returns messages in the order of their priority', async () => {
    for (const priority of [1, 3, 2, 0, -1])
      await wait('a', `x${priority}`, { priority, ...(priority > 1 ? {} : { isSmall: true }) });
    assert.deepEqual(await fetcherOf().take(8), ['a x3 0', 'a x2 0', 'a x1 0', 'a x0 0', 'a x-1 0']);
  });

  test('a priority does not count between tenants', async () => {
    await wait('a', 'x', { count: 8, priority: 100 });
    await wait('b', 'x', { count: 8, priority: -100 });
    assert.deepEqual(count(await fetcherOf().take(4)), { 'a x 0': 2, 'b x 0': 2 });
  });

  test("messages of one priority share the tenant's part", async () => {
    await wait('a', 'x', { count: 20, priority: -3 });
    await wait('a', 'y', { count: 2, priority: -3 });
    await wait('a', 'x', { chunks: 20, from: 1, priority: -3 });
    const taken = count((await fetcherOf().take(9)).map((name) => name.replace(/[1-9]\d*$/, 'later')));
    assert.equal(taken['a y 0'], 2);
    assert.ok((taken['a x 0'] ?? 0) >= 3 && (taken['a x later'] ?? 0) >= 3, JSON.stringify(taken));
  });

  test('messages with a high priority whose action has no free slot keep no others of the tenant waiting', async () => {
    await wait('a', 'x', { count: 20, priority: 9 });
    await wait('a', 'x', { chunks: 20, from: 1, priority: 9 });
    await wait('a', 'y', { count: 4 });
    await wait('b', 'y', { count: 4 });
    const taken = count(await fetcherOf().take(6, { free: { x: 1 }, later: { x: 0 } }));
    assert.equal(taken['a x 0'], 1);
    assert.ok((taken['a y 0'] ?? 0) >= 2, JSON.stringify(taken));
  });

  test('delayed messages with a high priority that are not due keep none waiting that are', async () => {
    await wait('a', 'x', { count: 300, delaySeconds: 3600, priority: 100 });
    await wait('a', 'x', { count: 3, delaySeconds: 0.001, priority: -100 });
    await pool.query(
      `update pgboss.job set start_after = now() - interval '1 s' where start_after < now() + interval '60 s'`,
    );
    assert.equal((await fetcherOf().take(4)).length, 3);
  });

  test('messages of the previous release, which have other numbers, come first', async () => {
    await wait('a', 'x', { count: 3, priority: 99 });
    await pool.query(
      `insert into pgboss.job (name, data, group_id, priority)
       select 'jobs.default', jsonb_build_object('tenant', 'a', 'action', 'old', 'chunk', greatest(0, -priority)), 'batch', priority
       from unnest($1::int[]) as priority`,
      [[1, 0, -1, -1000]],
    );
    const taken = await fetcherOf().take(4);
    assert.deepEqual(new Set(taken.map((name) => name.split(' ')[1])), new Set(['old']));
  });

  test('a fetch takes no more messages of an action than it has free slots', async () => {
    await wait('a', 'x', { count: 9 });
    await wait('b', 'x', { count: 9 });
    await wait('b', 'y', { count: 9 });
    await wait('c', 'z');
    const taken = count(await fetcherOf().take(12, { free: { x: 2, y: 0 } }));
    assert.deepEqual(taken, { 'a x 0': 1, 'b x 0': 1, 'c z 0': 1 });
  });

  test('a fetch leaves the later chunks of an action that has enough, and takes its other chunks', async () => {
    await wait('a', 'x', { chunks: 3 });
    await wait('a', 'x', { isSmall: true });
    await wait('a', 'y', { chunks: 2, from: 1 });
    const fetcher = fetcherOf();
    const taken = count(await fetcher.take(8, { later: { x: 0 } }));
    assert.deepEqual(taken, { 'a x 0': 2, 'a y 1': 1, 'a y 2': 1 });
    assert.deepEqual(await fetcher.take(8, { later: { x: 1 } }), ['a x 1']);
    assert.deepEqual(await fetcher.take(8), ['a x 2']);
  });

  test('a fetch finds messages that may run behind thousands that may not', async () => {
    await pool.query(
      `insert into pgboss.job (name, data, group_id, start_after, priority)
       select 'jobs.default', jsonb_build_object('tenant', 't' || n % 1000, 'action', action), n::text,
         now() + delay * interval '1 h', case when delay > 0 then -2000000000 else 0 end
       from generate_series(1, 5000) as n, (values ('full', 0), ('late', 1)) as each (action, delay)`,
    );
    await wait('z', 'x');
    assert.deepEqual(await fetcherOf().take(4, { free: { full: 0 } }), ['z x 0']);
    assert.equal((await fetcherOf().take(4)).length, 4);
  });

  test('a fetch takes delayed messages when they are due, and not before', async () => {
    await wait('a', 'x', { delaySeconds: 3600 });
    await wait('a', 'x', { delaySeconds: 0.2 });
    const fetcher = fetcherOf();
    assert.deepEqual(await fetcher.take(4), []);
    const taken = await waitFor(
      async () => {
        const due = await fetcher.take(4);
        return due.length > 0 && due;
      },
      { what: 'the delay to pass' },
    );
    assert.equal(taken.length, 1);
    await pool.query('update pgboss.job set start_after = now()');
    assert.equal((await fetcher.take(4)).length, 1);
  });

  test('a fetch takes messages of the previous release, which name neither tenant nor action', async () => {
    const batch = '00000000-0000-7000-8000-000000000000';
    await pool.query(`insert into pgboss.job (name, data, group_id) values ('jobs.default', $1, $2)`, [
      JSON.stringify({ batch, chunk: 0, generation: 1, attempt: 1 }),
      batch,
    ]);
    const { claims } = await fetcherOf().fetch(4 * SMALL_PER_LANE, ALL);
    assert.deepEqual(
      claims.map(({ message }) => message.batch),
      [batch],
    );
  });

  test('concurrent fetches take each message once, and report that there may be more', async () => {
    await wait('a', 'x', { count: 30 });
    const taken: string[] = [];
    await Promise.all(
      Array.from({ length: 4 }, async (_, number) => {
        const fetcher = fetcherOf(`holder ${number}`);
        for (;;) {
          const { claims, more } = await fetcher.fetch(3 * SMALL_PER_LANE, ALL);
          if (claims.length === 0 && !more) return;
          taken.push(...claims.map(({ id }) => id));
        }
      }),
    );
    assert.equal(taken.length, 30);
    assert.equal(new Set(taken).size, 30);
  });

  test('a fetch counts a claim after a dead holder, and not after a release', async () => {
    await wait('a', 'x');
    const fetcher = fetcherOf();
    const [first] = (await fetcher.fetch(1 * SMALL_PER_LANE, ALL)).claims;
    assert.ok(first);
    await transaction(pool, (client) => releaseClaim(client, first));
    fetcher.release(first);
    const [second] = (await fetcher.fetch(1 * SMALL_PER_LANE, ALL)).claims;
    assert.deepEqual([second?.id, second?.retryCount], [first.id, 0]);
    await pool.query(`update pgboss.job set state = 'retry'`);
    const [third] = (await fetcherOf('another').fetch(1 * SMALL_PER_LANE, ALL)).claims;
    assert.deepEqual([third?.id, third?.retryCount], [first.id, 1]);
    await transaction(pool, (client) => releaseClaim(client, first));
    const { rows } = await pool.query('select state from pgboss.job');
    assert.deepEqual(rows, [{ state: 'active' }], 'a stale holder gives nothing back');
  });
});

test('the next fetch releases a claim whose answer was lost, and no other', async () => {
  await wait('a', 'x', { count: 3 });
  const fetcher = fetcherOf('mine');
  const [held] = (await fetcher.fetch(1 * SMALL_PER_LANE, ALL)).claims;
  await fetcherOf('other').fetch(1 * SMALL_PER_LANE, ALL);
  // As if the statement had been committed and its answer had been lost.
  await pool.query(
    `update pgboss.job set state = 'active', started_on = now(), output = '{"holder":"mine"}' where state = 'created'`,
  );
  await pool.query('alter table pgboss.job rename to gone');
  await pool.query('alter table pgboss.job_common rename to gone_common');
  await assert.rejects(fetcher.fetch(1 * SMALL_PER_LANE, ALL), /job_common/);
  await pool.query('alter table pgboss.gone_common rename to job_common');
  await pool.query('alter table pgboss.gone rename to job');
  const { claims } = await fetcher.fetch(4 * SMALL_PER_LANE, ALL);
  assert.equal(claims.length, 1);
  assert.notEqual(claims[0]?.id, held?.id);
  assert.equal(claims[0]?.retryCount, 0, 'nothing died of it');
});

test('waiting batches are returned by action', async () => {
  await wait('a', 'x', { count: 3 });
  await wait('b', 'y', { delaySeconds: 3600 });
  await wait('c', 'z', { chunks: 3 });
  const waiting = await waitingBatches(pool, 'default');
  assert.deepEqual(count(waiting.map(({ action }) => action)), { x: 2, z: 1 });
});

test('waiting batches show their tenant and their priority, and those with the highest', async () => {
  await wait('a', 'x', { count: 5 });
  await wait('a', 'x', { priority: 7, isSmall: true });
  await wait('b', 'x', { priority: -7, chunks: 2, from: 1 });
  const waiting = await waitingBatches(pool, 'default');
  const shown = waiting.map(({ tenant, priority }) => `${tenant} ${priority}`);
  assert.deepEqual(count(shown), { 'a 7': 1, 'a 0': 2, 'b -7': 1 });
});

test('waiting batches show whether jobs of them wait for another run', async () => {
  await wait('a', 'x', { delaySeconds: 0.001 });
  await wait('a', 'x');
  await pool.query(
    "update pgboss.job set start_after = now() - interval '1 s' where start_after > created_on",
  );
  const waiting = await waitingBatches(pool, 'default');
  assert.deepEqual(waiting.map(({ isDelayed }) => isDelayed).toSorted(), [false, true]);
});
