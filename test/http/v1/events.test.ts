/** `GET /v1/batches/{asyncId}/events`: server-sent events. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { settled } from '../../support/settled.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { type EventClient, openEvents } from './event-client.ts';
import { assertProblem, echo, gated, openGate, postBatch, refuse, runsOf, strangerOf } from './support.ts';

const system = await startSystem({ after });
const { pool } = system;

const urlOf = (asyncId: string) => `${system.url}/v1/batches/${asyncId}/events`;
const open = (asyncId: string, headers = {}) => openEvents(urlOf(asyncId), headers);
const batchOf = async (asyncId: string) => (await system.request(`/v1/batches/${asyncId}`)).body;

async function post(jobs: unknown[]): Promise<string> {
  const { status, body } = await postBatch(system, { jobs });
  assert.equal(status, 202);
  return body.asyncId;
}

async function ended(jobs: unknown[]): Promise<string> {
  const asyncId = await post(jobs);
  await system.ended(asyncId);
  return asyncId;
}

/** A batch with one job that waits at the gate; all others have ended. */
async function halted(gate: string): Promise<string> {
  const asyncId = await post([gated(gate), echo(1)]);
  await waitFor(
    async () => {
      const { counts } = await batchOf(asyncId);
      return counts.running === 1 && counts.succeeded === 1;
    },
    { what: `a job at the gate ${gate}` },
  );
  return asyncId;
}

async function received({ events }: EventClient, count: number): Promise<void> {
  await waitFor(async () => events.length >= count, { what: `event ${count}` });
}

const names = ({ events }: EventClient) => events.map(({ name }) => name);

/** Asserts that the API sends no queries, which it does each tick while a listener exists. */
async function assertNobodyListens(): Promise<void> {
  const lastQuery = async () => {
    const { rows } = await pool.query<{ last: Date }>(
      `select max(query_start) as last from pg_stat_activity
       where datname = current_database() and application_name = 'batchwright api'`,
    );
    return rows[0]?.last.getTime();
  };
  await settled(lastQuery, { forMs: 400, what: 'the last query' });
}

describe('Events', () => {
  test('events are the batch while it runs, then `finished`, and then the end of the stream', async () => {
    const asyncId = await halted('shape');
    const client = await open(asyncId);
    assert.equal(client.status, 200);
    assert.equal(client.headers['content-type'], 'text/event-stream');
    assert.equal(client.headers['cache-control'], 'no-store');
    await received(client, 1);
    assert.deepEqual(client.events[0]?.data, await batchOf(asyncId));
    await openGate(pool, 'shape');
    assert.equal(await client.ended, true);
    const last = client.events.at(-1);
    assert.equal(last?.name, 'finished');
    assert.deepEqual(last?.data, await batchOf(asyncId));
    assert.equal(last?.data.state, 'completed');
    assert.deepEqual(new Set(names(client).slice(0, -1)), new Set(['progress']));
    assert.equal(new Set(client.events.map(({ id }) => id)).size, client.events.length);
  });

  test('the only event of an ended batch is `finished`', async () => {
    const client = await open(await ended([echo(1), refuse]));
    assert.equal(await client.ended, true);
    assert.deepEqual(names(client), ['finished']);
    assert.deepEqual(client.events[0]?.data.counts.failed, 1);
  });

  test('the events of a cancelled batch end with `finished` too', async () => {
    const asyncId = await halted('cancelled');
    const client = await open(asyncId);
    await received(client, 1);
    await system.request(`/v1/batches/${asyncId}/cancel`, { method: 'POST' });
    await openGate(pool, 'cancelled');
    assert.equal(await client.ended, true);
    assert.deepEqual(
      [client.events.at(-1)?.name, client.events.at(-1)?.data.state],
      ['finished', 'cancelled'],
    );
  });

  test('events come at most four times a second, and only for changes', async () => {
    const jobs = Array.from({ length: 700 }, (_, n) => ({
      namespace: 'test',
      action: 'behave',
      params: { n, waitMs: 20 },
    }));
    // They begin when a listener exists: ten others hold their slots until then.
    const asyncId = await post([...Array.from({ length: 10 }, () => gated('rate')), ...jobs]);
    const client = await open(asyncId);
    await received(client, 1);
    await openGate(pool, 'rate');
    assert.equal(await client.ended, true);
    const { events } = client;
    const seconds = ((events.at(-1)?.at ?? 0) - (events[0]?.at ?? 0)) / 1000;
    assert.ok(events.length >= 4, `${events.length} events`);
    assert.ok(events.length <= 4 * seconds + 2, `${events.length} events in ${seconds} s`);
    const texts = events.map(({ data }) => JSON.stringify(data));
    assert.equal(new Set(texts).size, texts.length);
    const succeeded = events.map(({ data }) => data.counts.succeeded);
    assert.deepEqual(
      succeeded,
      succeeded.toSorted((a, b) => a - b),
    );
  });

  test('events show jobs that report progress', async () => {
    const { gate, ...params } = gated('reports', 1).params;
    const job = { namespace: 'test', action: 'behave', params: { ...params, gate, progress: [30, 120] } };
    const client = await open(await post([echo(0), job]));
    const { active, progress } = await waitFor(
      async () => {
        const batch = client.events.at(-1)?.data;
        return batch?.active.length === 1 && batch.counts.succeeded === 1 && batch;
      },
      { what: 'a report' },
    );
    assert.deepEqual(active, [{ index: 1, done: 30, total: 120 }]);
    assert.equal(progress, 62);
    await openGate(pool, 'reports');
    assert.equal(await client.ended, true);
    assert.deepEqual(client.events.at(-1)?.data.active, []);
  });

  test('events reach two hundred listeners, each of them to the end', async () => {
    const asyncId = await halted('many');
    const clients = await Promise.all(Array.from({ length: 200 }, () => open(asyncId)));
    for (const client of clients) await received(client, 1);
    await openGate(pool, 'many');
    for (const client of clients) {
      assert.equal(await client.ended, true);
      assert.equal(client.events.at(-1)?.name, 'finished');
    }
    await assertNobodyListens();
  });

  test('events are not available to another tenant', async () => {
    const asyncId = await ended([echo(1)]);
    const headers = await strangerOf(system);
    const path = `/v1/batches/${asyncId}/events`;
    assertProblem(await system.request(path, { headers }), 404);
    assertProblem(await system.request('/v1/batches/none/events'), 404);
  });

  test('HEAD of events is answered and ends', async () => {
    const asyncId = await halted('head');
    const answer = await system.request(`/v1/batches/${asyncId}/events`, { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    await assertNobodyListens();
    await openGate(pool, 'head');
  });
});

describe('Last-Event-ID', () => {
  test('Last-Event-ID of the current state sends nothing until the state changes', async () => {
    const asyncId = await halted('returns');
    const first = await open(asyncId);
    await received(first, 1);
    first.close();
    const again = await open(asyncId, { 'last-event-id': first.events.at(-1)?.id ?? '' });
    const other = await open(asyncId, { 'last-event-id': 'something else' });
    await received(other, 1);
    assert.equal(again.events.length, 0);
    await openGate(pool, 'returns');
    assert.equal(await again.ended, true);
    assert.equal(again.events.at(-1)?.name, 'finished');
    assert.equal(await other.ended, true);
  });

  test('Last-Event-ID of `finished` is 204: nothing more will come', async () => {
    const asyncId = await ended([echo(1)]);
    const first = await open(asyncId);
    assert.equal(await first.ended, true);
    const id = first.events[0]?.id ?? '';
    const again = await open(asyncId, { 'last-event-id': id });
    assert.equal(again.status, 204);
    assert.equal(await again.ended, true);
    const older = await open(asyncId, { 'last-event-id': 'older' });
    assert.equal(await older.ended, true);
    assert.deepEqual(names(older), ['finished']);
  });
});

describe('listeners that go away', () => {
  test('a listener that goes away is removed, and the others still get events', async () => {
    const asyncId = await halted('leaves');
    const [leaves, stays] = await Promise.all([open(asyncId), open(asyncId)]);
    await received(leaves, 1);
    leaves.close();
    await openGate(pool, 'leaves');
    assert.equal(await stays.ended, true);
    assert.equal(stays.events.at(-1)?.name, 'finished');
    await assertNobodyListens();
  });

  test('a listener that goes away costs nothing more', async () => {
    const asyncId = await halted('alone');
    const client = await open(asyncId);
    await received(client, 1);
    client.close();
    await assertNobodyListens();
    await openGate(pool, 'alone');
  });

  test('a listener that goes away before the batch was looked up is never added', async () => {
    const asyncId = await halted('early');
    const client = await pool.connect();
    await client.query('begin; lock table batchwright.batch in access exclusive mode');
    const gone = new AbortController();
    const asked = fetch(urlOf(asyncId), {
      headers: { authorization: 'Bearer the-admin-key-of-the-tests' },
      signal: gone.signal,
    });
    await waitFor(
      async () => {
        const { rowCount } = await client.query(
          `select from pg_stat_activity where datname = current_database()
             and application_name = 'batchwright api' and wait_event_type = 'Lock'`,
        );
        return rowCount === 1;
      },
      { what: 'the look-up' },
    );
    gone.abort();
    await assert.rejects(asked);
    // The API has read it when another connection has been served.
    await system.request('/healthz');
    await client.query('rollback');
    client.release();
    await assertNobodyListens();
    await openGate(pool, 'early');
    assert.equal(await runsOf(pool, 'early'), 1);
  });
});
