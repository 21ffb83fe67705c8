import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Pool, QueryConfig } from 'pg';
import { toAsyncId } from '../../../src/domain/batch.ts';
import { type BatchEvent, createBatchWatch } from '../../../src/pipeline/read/batch-watch.ts';
import { createDatabase } from '../../support/database.ts';
import { settled } from '../../support/settled.ts';
import { waitFor } from '../../support/wait.ts';

const TICK_MS = 250;
const { pool: database } = await createDatabase({ after });

/**
 * A pool that reports its queries for batches, and others, which ask what jobs wait for. It fails while the database is
 * away.
 */
function countingPool() {
  const counting = { asked: [] as number[], others: 0, away: false };
  const query = async (statement: QueryConfig) => {
    if (statement.name === 'live-batches') counting.asked.push(performance.now());
    else counting.others++;
    if (counting.away) throw new Error('the database is away');
    return database.query(statement);
  };
  return Object.assign(counting, { pool: { query } as unknown as Pool });
}

async function addBatch(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into batchwright.batch (id, tenant, key_id, total, expires_at)
     values (batchwright.new_batch_id(), 'default', 'admin', 100, now() + interval '1 day') returning id`,
  );
  return rows[0]?.id ?? '';
}

const succeed = (pool: Pool, ids: string[]) =>
  pool.query(`update batchwright.batch set succeeded = succeeded + 1, state = 'running' where id = any($1)`, [
    ids,
  ]);
const finish = (pool: Pool, id: string) =>
  pool.query(`update batchwright.batch set state = 'completed', finished_at = now() where id = $1`, [id]);

interface Heard {
  events: (BatchEvent & { at: number })[];
  leave(): void;
}

function listen(watch: ReturnType<typeof createBatchWatch>, batchId: string, seen?: string): Heard {
  const events: Heard['events'] = [];
  const leave = watch.subscribe(batchId, (event) => events.push({ ...event, at: performance.now() }), seen);
  return { events, leave };
}

const heard = (listeners: Heard[], count: number) =>
  waitFor(async () => listeners.every(({ events }) => events.length >= count), { what: `event ${count}` });

describe('A watch', () => {
  test('a batch watch sends the end also to a listener that has seen it, because nothing follows', async () => {
    const watch = createBatchWatch(database);
    const id = await addBatch(database);
    await finish(database, id);
    const first = listen(watch, id);
    await heard([first], 1);
    const again = listen(watch, id, first.events[0]?.id);
    await heard([again], 1);
    assert.deepEqual([again.events[0]?.name, again.events[0]?.id], ['finished', first.events[0]?.id]);
  });

  test('a batch watch sends three queries per tick for any number of listeners and batches', async () => {
    const counting = countingPool();
    const { pool, asked } = counting;
    const watch = createBatchWatch(pool);
    const ids = await Promise.all(Array.from({ length: 20 }, () => addBatch(database)));
    const listeners = ids.flatMap((id, n) =>
      Array.from({ length: n === 0 ? 1000 : 10 }, () => listen(watch, id)),
    );
    await heard(listeners, 1);
    for (let round = 2; round <= 4; round++) {
      await succeed(database, ids);
      await heard(listeners, round);
    }
    for (const [n, at] of asked.slice(1).entries())
      assert.ok(at - (asked[n] as number) >= TICK_MS - 2, 'two questions in a tick');
    assert.ok(counting.others <= 2 * asked.length, `${counting.others} further questions`);
    for (const { events } of listeners) {
      assert.deepEqual(
        events.map(({ data }) => JSON.parse(data).counts.succeeded),
        [0, 1, 2, 3],
      );
      for (const [n, { at }] of events.slice(1).entries())
        assert.ok(at - (events[n]?.at ?? 0) >= TICK_MS - 2, 'more than four a second');
    }
    for (const { leave } of listeners) leave();
  });

  test('a batch watch sends nothing while nothing changes, and nothing after the end', async () => {
    const counting = countingPool();
    const watch = createBatchWatch(counting.pool);
    const id = await addBatch(database);
    const listener = listen(watch, id);
    await heard([listener], 1);
    const asked = counting.asked.length;
    await waitFor(async () => counting.asked.length >= asked + 3, { what: 'three more ticks' });
    assert.equal(listener.events.length, 1);
    await finish(database, id);
    await heard([listener], 2);
    await database.query(`update batchwright.batch set callback_attempts = 1 where id = $1`, [id]);
    // The end of one batch does not end the watch of others.
    const other = listen(watch, await addBatch(database));
    await heard([other], 1);
    other.leave();
    assert.deepEqual(
      listener.events.map(({ name }) => name),
      ['progress', 'finished'],
    );
  });

  test('a batch watch stops its queries when no listener is left', async () => {
    const counting = countingPool();
    const watch = createBatchWatch(counting.pool);
    const id = await addBatch(database);
    const [stays, leaves] = [listen(watch, id), listen(watch, id)];
    await heard([stays, leaves], 1);
    leaves.leave();
    await succeed(database, [id]);
    await heard([stays], 2);
    assert.equal(leaves.events.length, 1);
    stays.leave();
    const asked = counting.asked.length;
    const asksOn = await settled(async () => counting.asked.length, { forMs: 600, what: 'what was asked' });
    assert.equal(asksOn, asked);
    const again = listen(watch, id);
    await heard([again], 1);
    again.leave();
  });

  test('a late unsubscribe, after the end, does not remove newer listeners', async () => {
    const { pool } = countingPool();
    const watch = createBatchWatch(pool);
    const id = await addBatch(database);
    const early = listen(watch, id);
    await heard([early], 1);
    await finish(database, id);
    await heard([early], 2);
    await database.query(`update batchwright.batch set state = 'running' where id = $1`, [id]);
    const since = listen(watch, id);
    early.leave();
    await heard([since], 1);
    await succeed(database, [id]);
    await heard([since], 2);
    since.leave();
  });

  test('a batch watch sends the state at once to a listener that has seen another state', async () => {
    const { pool } = countingPool();
    const watch = createBatchWatch(pool);
    const id = await addBatch(database);
    const first = listen(watch, id);
    await heard([first], 1);
    const again = listen(watch, id, first.events[0]?.id);
    await succeed(database, [id]);
    await heard([first], 2);
    await heard([again], 1);
    assert.deepEqual(
      again.events.map(({ id: eventId }) => eventId),
      [first.events[1]?.id],
    );
    first.leave();
    again.leave();
  });

  test('a batch watch continues when the database is back', async () => {
    const counting = countingPool();
    const watch = createBatchWatch(counting.pool);
    const id = await addBatch(database);
    const listener = listen(watch, id);
    await heard([listener], 1);
    counting.away = true;
    const asked = counting.asked.length;
    await waitFor(async () => counting.asked.length >= asked + 2, { what: 'questions without an answer' });
    await finish(database, id);
    counting.away = false;
    await heard([listener], 2);
    assert.equal(listener.events[1]?.name, 'finished');
  });

  test('a batch watch reports a deleted batch as gone', async () => {
    const { pool } = countingPool();
    const watch = createBatchWatch(pool);
    const id = await addBatch(database);
    const listener = listen(watch, id);
    await heard([listener], 1);
    await database.query('delete from batchwright.batch where id = $1', [id]);
    await heard([listener], 2);
    const { name, data } = listener.events[1] as BatchEvent;
    assert.deepEqual([name, data], ['gone', 'null']);
  });

  test('the newest batches of a tenant cost one query a second for any number of listeners, whose query ends with them', async () => {
    const counting = countingPool();
    const watch = createBatchWatch(counting.pool);
    const seen = Array.from({ length: 1_000 }, () => [] as string[]);
    const leave = seen.map((ids) =>
      watch.subscribeNewest('default', (newest) => {
        if (newest !== 'closing') ids.push(newest[0]?.asyncId ?? '');
      }),
    );
    await waitFor(async () => seen.every(({ length }) => length === 1), { what: 'the first look' });
    const id = toAsyncId(await addBatch(database));
    await waitFor(async () => seen.every((ids) => ids.at(-1) === id), { what: 'the new batch' });
    assert.equal(counting.others, seen[0]?.length);
    for (const end of leave) end();
    const asked = counting.others;
    assert.equal(await settled(async () => counting.others, { forMs: 600, what: 'what was asked' }), asked);
  });

  test('a batch watch that closes informs all listeners, later ones too', async () => {
    const counting = countingPool();
    const watch = createBatchWatch(counting.pool);
    const id = await addBatch(database);
    const listener = listen(watch, id);
    await heard([listener], 1);
    const newest: unknown[] = [];
    watch.subscribeNewest('default', (batches) => newest.push(batches));
    watch.close();
    const late = listen(watch, id);
    await heard([late], 1);
    await waitFor(async () => newest.at(-1) === 'closing', { what: 'the end of the watch of the newest' });
    assert.deepEqual([listener.events[1]?.name, late.events[0]?.name], ['closing', 'closing']);
    listener.leave();
    late.leave();
  });
});
