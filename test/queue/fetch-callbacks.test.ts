import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { transaction } from '../../src/postgres/transaction.ts';
import { CallbackFetcher } from '../../src/queue/fetch-callbacks.ts';
import { CALLBACK_LANES } from '../../src/queue/lanes.ts';
import { CALLBACK_QUEUE, type CallbackMessage } from '../../src/queue/messages.ts';
import { type Claim, startQueue } from '../../src/queue/queue.ts';
import { createDatabase } from '../support/database.ts';
import { silentLog } from '../support/silent-log.ts';

const { url, pool } = await createDatabase({ after });
const queue = await startQueue({ url, queues: [], applicationName: 'test', max: 2, log: silentLog });
after(() => queue.stop());
beforeEach(() => pool.query('delete from pgboss.job'));

let batches = 0;

/** Makes this many callbacks wait for each of the tenant's receivers. */
async function wait(
  tenant: string,
  receivers: readonly string[],
  count = 1,
  options: { delaySeconds?: number } = {},
): Promise<void> {
  await transaction(pool, async (client) => {
    for (const receiver of receivers)
      for (let number = 0; number < count; number++) {
        const batch = `00000000-0000-7000-8000-${String(++batches).padStart(12, '0')}`;
        const message = {
          batch,
          generation: 1,
          attempt: 1,
          trigger: 'completion',
          tenant,
          receiver,
        } as const;
        await queue.sendCallbacks(client, [message], options);
      }
  });
}

/** The same in one statement, for thousands. */
async function waitMany(tenant: string, receivers: number, count: number): Promise<void> {
  await pool.query(
    `insert into pgboss.job (name, data, group_id, group_tier)
     select 'callbacks', jsonb_build_object('receiver', receiver), receiver, $1
     from (select 'host' || n % $2::int as receiver from generate_series(1, $2::int * $3::int) as n) as each`,
    [tenant, receivers, count],
  );
}

function hosts(count: number, name = 'hanging'): string[] {
  return Array.from({ length: count }, (_, n) => `${name}${n}.example`);
}

/** The number of claims of each tenant, or of each receiver. */
function count(claims: Claim<CallbackMessage>[], by: 'tenant' | 'receiver'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { message } of claims) counts[message[by]] = (counts[message[by]] ?? 0) + 1;
  return counts;
}

describe('lanes for callbacks', () => {
  test('a single tenant gets up to half of the lanes, and some are left for each further tenant', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', hosts(40));
    assert.deepEqual(count(await fetcher.fetch(32), 'tenant'), { a: 16 });
    await wait('b', hosts(40));
    await wait('c', hosts(40));
    const more = count(await fetcher.fetch(16), 'tenant');
    assert.equal(more.a, undefined);
    assert.ok((more.b ?? 0) >= 4 && (more.c ?? 0) >= 4, JSON.stringify(more));
    await wait('d', hosts(40));
    assert.ok((count(await fetcher.fetch(16 - (more.b ?? 0) - (more.c ?? 0)), 'tenant').d ?? 0) >= 1);
  });

  test('tenants that wait together share the lanes equally, even if one has more waiting', async () => {
    await wait('a', hosts(40), 4);
    await wait('b', hosts(12));
    await wait('c', hosts(12));
    const { a = 0, b = 0, c = 0 } = count(await new CallbackFetcher(pool).fetch(32), 'tenant');
    assert.ok(Math.max(a, b, c) - Math.min(a, b, c) <= 1, `${a} ${b} ${c}`);
    assert.ok(a + b + c >= 24);
  });

  test('a lane is free again when its callback has ended', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', hosts(40));
    const claims = await fetcher.fetch(8);
    assert.equal(claims.length, 4);
    assert.equal((await fetcher.fetch(4)).length, 0);
    for (const claim of claims) fetcher.release(claim, null, 5);
    const again = await fetcher.fetch(8);
    assert.equal(again.length, 4);
    for (const claim of again) fetcher.release(claim, null, 5);
    assert.equal((await fetcher.fetch(1)).length, 1, 'the tenant holds none');
  });

  test('a receiver that was not called keeps its lanes', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', ['good.example'], 20);
    for (const claim of await fetcher.fetch(128)) fetcher.release(claim, null, 5);
    await pool.query(`update pgboss.job set state = 'completed' where state = 'active'`);
    assert.equal((await fetcher.fetch(128)).length, 4);
  });

  test('a fetch hands out what it has claimed when a later page cannot be read', async () => {
    await waitMany('a', 1200, 1);
    let connections = 0;
    const failing: typeof pool = Object.assign(Object.create(pool), {
      connect() {
        return ++connections > 1 ? Promise.reject(new Error('away')) : pool.connect();
      },
    });
    const claims = await new CallbackFetcher(failing).fetch(128);
    assert.deepEqual([claims.length, connections], [64, 2]);
    await assert.rejects(new CallbackFetcher(failing).fetch(128), /away/);
  });

  test('one receiver gets four lanes, over all processes', async () => {
    await wait('a', ['good.example'], 20);
    const [first, second] = [new CallbackFetcher(pool), new CallbackFetcher(pool)];
    assert.equal((await first.fetch(128)).length, 4);
    assert.equal((await second.fetch(128)).length, 0);
    await wait('b', ['good.example'], 20);
    assert.deepEqual(count(await second.fetch(128), 'tenant'), { b: 4 });
  });

  test('a receiver gets one lane while its tenant holds many, so that each other receiver has one', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', hosts(40), 4);
    const claims = await fetcher.fetch(128);
    assert.equal(Object.keys(count(claims, 'receiver')).length, 40);
    assert.ok(claims.length < 50, `${claims.length} lanes`);
    await wait('a', ['good.example']);
    assert.deepEqual(count(await fetcher.fetch(128 - claims.length), 'receiver'), { 'good.example': 1 });
  });

  test('two tenants with 20 receivers each that hang leave lanes for their other receivers', async () => {
    const fetcher = new CallbackFetcher(pool);
    let free = CALLBACK_LANES;
    const fetch = async () => {
      const claims = await fetcher.fetch(free);
      free -= claims.length;
      return count(claims, 'receiver');
    };
    // As they come: the first receivers get more lanes than those that come when many are held.
    for (const receiver of hosts(20)) {
      for (const tenant of ['a', 'b']) await wait(tenant, [receiver], 4);
      await fetch();
    }
    for (const tenant of ['a', 'b']) await wait(tenant, [`good.${tenant}.example`]);
    const claimed = await fetch();
    assert.equal(claimed['good.a.example'], 1);
    assert.equal(claimed['good.b.example'], 1);
  });

  test('a receiver that did not answer last time gets one lane until it answers', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', ['silent.example'], 20);
    const claims = await fetcher.fetch(128);
    assert.equal(claims.length, 4);
    await complete(claims);
    for (const claim of claims) fetcher.release(claim, false, 5);
    const [claim, ...others] = await fetcher.fetch(128);
    assert.ok(claim);
    assert.equal(others.length, 0);
    await complete([claim]);
    fetcher.release(claim, true, 1000);
    assert.equal((await fetcher.fetch(128)).length, 4);
  });

  test('the last answers of 500 receivers are remembered, so that their memory is bounded', async () => {
    const fetcher = new CallbackFetcher(pool);
    /** As if the receiver had not answered a callback. */
    const noAnswer = (receiver: string) => {
      const message = {
        batch: '',
        generation: 1,
        attempt: 1,
        trigger: 'completion',
        tenant: 'a',
        receiver,
      } as const;
      fetcher.release({ id: '', queue: CALLBACK_QUEUE, retryCount: 0, message }, false, 1);
    };
    for (const receiver of ['oldest', 'second', ...hosts(499)]) noAnswer(receiver);
    await wait('a', ['oldest', 'second'], 4);
    assert.deepEqual(count(await fetcher.fetch(64), 'receiver'), { oldest: 4, second: 1 });
  });

  test('a receiver whose last answer took less than half a second gets 32 lanes', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', ['quick.example'], 40);
    const [claim, ...others] = await fetcher.fetch(128);
    assert.ok(claim);
    assert.equal(others.length, 3);
    await complete([claim]);
    fetcher.release(claim, true, 499);
    assert.equal((await fetcher.fetch(128)).length, 29);
    const [slow] = others;
    assert.ok(slow);
    await complete(others);
    fetcher.release(slow, true, 500);
    assert.equal((await fetcher.fetch(128)).length, 0);
  });

  test('receivers that did not answer get no lane while others of their tenant wait', async () => {
    const fetcher = new CallbackFetcher(pool);
    await wait('a', hosts(100));
    const called = new Set<string>();
    while (called.size < 100) {
      const claims = await fetcher.fetch(128);
      await complete(claims);
      for (const claim of claims) {
        called.add(claim.message.receiver);
        fetcher.release(claim, false, 5);
      }
    }
    await wait('a', hosts(100));
    const silent = await fetcher.fetch(128);
    assert.ok(silent.length > 20 && silent.length < 64, `${silent.length} lanes`);
    await wait('a', ['good.example']);
    assert.deepEqual(count(await fetcher.fetch(128 - silent.length), 'receiver'), { 'good.example': 1 });
  });
});

describe('a fetch of callbacks', () => {
  test('a fetch finds a callback behind thousands that wait for a receiver at its limit', async () => {
    const fetcher = new CallbackFetcher(pool);
    await waitMany('a', 1, 8000);
    assert.deepEqual(count(await fetcher.fetch(128), 'receiver'), { host0: 4 });
    await wait('a', ['good.example']);
    assert.deepEqual(count(await fetcher.fetch(124), 'receiver'), { 'good.example': 1 });
  });

  test('a fetch finds a callback of another tenant behind thousands of receivers', async () => {
    const fetcher = new CallbackFetcher(pool);
    await waitMany('a', 5000, 1);
    const claims = await fetcher.fetch(128);
    assert.equal(claims.length, 64);
    await wait('b', ['good.example']);
    assert.deepEqual(count(await fetcher.fetch(64), 'tenant'), { b: 1 });
  });

  test('repeated fetches reach every receiver of a tenant with thousands', async () => {
    const fetcher = new CallbackFetcher(pool);
    await waitMany('a', 1200, 1);
    const seen = new Set<string>();
    for (let round = 0; seen.size < 1200 && round < 100; round++) {
      const claims = await fetcher.fetch(128);
      await complete(claims);
      for (const claim of claims) {
        seen.add(claim.message.receiver);
        fetcher.release(claim, true, 5);
      }
    }
    assert.equal(seen.size, 1200);
  });

  test('a fetch leaves callbacks that are not due', async () => {
    await wait('a', ['good.example'], 3, { delaySeconds: 60 });
    assert.deepEqual(await new CallbackFetcher(pool).fetch(128), []);
  });

  test('a fetch takes callbacks of the previous release, which name no tenant', async () => {
    const message = {
      batch: 'b',
      generation: 1,
      attempt: 2,
      trigger: 'completion',
      receiver: 'good.example',
    };
    await pool.query(`insert into pgboss.job (name, data, group_id) values ('callbacks', $1, $2)`, [
      JSON.stringify(message),
      message.receiver,
    ]);
    const [claim] = await new CallbackFetcher(pool).fetch(128);
    assert.deepEqual(claim?.message, { ...message, tenant: '' });
  });

  test('concurrent fetches give each message to one process', async () => {
    await wait('a', hosts(30));
    const fetchers = Array.from({ length: 4 }, () => new CallbackFetcher(pool));
    const claims = (await Promise.all(fetchers.map((fetcher) => fetcher.fetch(128)))).flat();
    assert.equal(new Set(claims.map(({ id }) => id)).size, claims.length);
    const { rows } = await pool.query(`select from pgboss.job where state = 'active'`);
    assert.equal(rows.length, claims.length);
  });

  test('a fetch counts the claims of a message, and an older claim has no effect', async () => {
    await wait('a', ['good.example']);
    const [first] = await new CallbackFetcher(pool).fetch(128);
    assert.ok(first);
    await pool.query(`update pgboss.job set state = 'retry'`);
    const [second] = await new CallbackFetcher(pool).fetch(128);
    assert.ok(second);
    assert.deepEqual([first.retryCount, second.retryCount], [0, 1]);
    await assert.rejects(complete([first]));
    await complete([second]);
  });
});

async function complete(claims: Claim<CallbackMessage>[]): Promise<void> {
  await transaction(pool, async (client) => {
    for (const claim of claims) assert.ok(await queue.complete(client, claim));
  });
}
