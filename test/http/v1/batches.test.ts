/** `/v1/batches`: one batch, the list of batches, and their verbs. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import { startHttpServer } from '../../outbound/loopback.ts';
import { controlJobs } from '../../support/cancel.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import {
  assertProblem,
  echo,
  echoes,
  gated,
  openGate,
  postBatch,
  refuse,
  runsOf,
  strangerOf,
} from './support.ts';

const system = await startSystem({ after }, { env: { CALLBACK_RETRY_SECONDS: '0,3600' } });
const { pool } = system;

const get = (asyncId: string, rest = ''): Promise<Answer> => system.request(`/v1/batches/${asyncId}${rest}`);
const act = (asyncId: string, action: string): Promise<Answer> =>
  system.request(`/v1/batches/${asyncId}/${action}`, { method: 'POST' });

async function post(jobs: unknown[], more = {}): Promise<string> {
  const { status, body } = await postBatch(system, { jobs, ...more });
  assert.equal(status, 202, JSON.stringify(body));
  return body.asyncId;
}

async function ended(jobs: unknown[], more = {}): Promise<string> {
  const asyncId = await post(jobs, more);
  await system.ended(asyncId);
  return asyncId;
}

/** The batch, when this many of its jobs wait at the gate and callers see it as running. */
async function halted(gate: string, jobs: unknown[] = [gated(gate)], waiting = jobs.length): Promise<string> {
  const asyncId = await post(jobs);
  await waitFor(
    async () => (await runsOf(pool, gate)) === waiting && (await get(asyncId)).body.state === 'running',
    { what: `jobs at the gate ${gate}` },
  );
  return asyncId;
}

/** The batch when its callback has reached this state after this many attempts. */
function callbackIs(asyncId: string, state: string, attempts: number): Promise<Answer['body']> {
  return waitFor(
    async () => {
      const { body } = await get(asyncId);
      return body.callback.state === state && body.callback.attempts === attempts && body;
    },
    { what: `a ${state} callback` },
  );
}

/** A receiver that answers with each status in turn, and repeats the last one. */
async function receiver(t: TestContext, ...statuses: number[]) {
  const received: string[] = [];
  const { url } = await startHttpServer(t, async (request, response) => {
    received.push(await text(request));
    response.statusCode = statuses[Math.min(received.length, statuses.length) - 1] ?? 200;
    response.end();
  });
  return { url: `${url}/hook`, received };
}

describe('A batch', () => {
  test('an ended batch shows its counts and its times', async () => {
    const asyncId = await ended([echo(1), refuse, echo(2)]);
    const { status, headers, body } = await get(asyncId);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json\b/);
    const { createdAt, startedAt, finishedAt, expiresAt, ...rest } = body;
    assert.deepEqual(rest, {
      asyncId,
      state: 'completed',
      counts: {
        total: 3,
        pending: 0,
        waiting: 0,
        running: 0,
        succeeded: 2,
        failed: 1,
        cancelled: 0,
        skipped: 0,
      },
      progress: 100,
      actions: ['test.echo', 'rpc.refuse'],
      active: [],
      callback: null,
    });
    for (const time of [createdAt, startedAt, finishedAt, expiresAt])
      assert.equal(new Date(time).toISOString(), time);
    assert.ok(createdAt <= startedAt && startedAt <= finishedAt && finishedAt < expiresAt);
  });

  test('a running batch shows its running jobs and those that report progress', async () => {
    const reporting = (n: number, done: number) => {
      const job = gated('active', n);
      return { ...job, params: { ...job.params, progress: [done, 100] } };
    };
    const asyncId = await halted(
      'active',
      [echo(0), reporting(1, 50), gated('active'), reporting(3, 0.5)],
      3,
    );
    const body = await waitFor(
      async () => {
        const { body: batch } = await get(asyncId);
        const { running, succeeded } = batch.counts;
        return batch.active.length === 2 && running === 3 && succeeded === 1 && batch;
      },
      { what: 'the reports' },
    );
    assert.deepEqual(body.active, [
      { index: 1, done: 50, total: 100 },
      { index: 3, done: 0.5, total: 100 },
    ]);
    assert.equal(body.state, 'running');
    assert.equal(body.progress, 37);
    assert.equal(body.finishedAt, null);
    await openGate(pool, 'active');
    await system.ended(asyncId);
    assert.deepEqual((await get(asyncId)).body.active, []);
  });

  test('a batch shows at most a hundred jobs that report progress', async () => {
    const asyncId = await halted('hundred', [gated('hundred'), ...echoes(200)], 1);
    await pool.query(
      `insert into batchwright.job_progress (batch_id, index, done, total)
       select $1, index, 1, 2 from generate_series(300, 450) as index`,
      [asyncId],
    );
    const { body } = await get(asyncId);
    assert.deepEqual(
      body.active.map(({ index }: { index: number }) => index),
      Array.from({ length: 100 }, (_, n) => 300 + n),
    );
    await openGate(pool, 'hundred');
    await system.ended(asyncId);
  });

  test('a missing batch is 404 on every route', async () => {
    const made = await ended([echo(1)]);
    const ids = ['none', made.toUpperCase(), made.replace(/^.{8}/, '$&-'), '0'.repeat(32), '%00', `${made}0`];
    for (const id of ids) {
      if (id === made) continue; // its hex digits are all decimal ones
      for (const rest of ['', '/results', '/events', '/callbacks'])
        assertProblem(await get(id, rest), 404, /Could not find batch/);
      for (const action of ['cancel', 'pause', 'resume', 'restart', 'repost'])
        assertProblem(await act(id, action), 404);
    }
  });

  test('a batch of another tenant is 404 on every route', async () => {
    const asyncId = await ended([echo(1), refuse]);
    const before = (await get(asyncId)).body;
    const headers = await strangerOf(system);
    for (const rest of ['', '/results', '/events', '/callbacks'])
      assertProblem(await system.request(`/v1/batches/${asyncId}${rest}`, { headers }), 404);
    for (const action of ['cancel', 'pause', 'resume', 'restart', 'repost'])
      assertProblem(
        await system.request(`/v1/batches/${asyncId}/${action}`, { method: 'POST', headers }),
        404,
      );
    assert.deepEqual((await get(asyncId)).body, before);
  });

  test('HEAD of a batch is answered like GET', async () => {
    const asyncId = await ended([echo(1)]);
    for (const [id, status] of [
      [asyncId, 200],
      ['none', 404],
    ] as const) {
      const head = await fetch(`${system.url}/v1/batches/${id}`, {
        method: 'HEAD',
        headers: { authorization: 'Bearer the-admin-key-of-the-tests' },
      });
      assert.equal(head.status, status);
      assert.equal(await head.text(), '');
    }
  });
});

describe('the list of batches', () => {
  const list = (query = '', headers = {}) => system.request(`/v1/batches${query}`, { headers });
  const idsOf = ({ body }: Answer): string[] => body.data.map(({ asyncId }: { asyncId: string }) => asyncId);

  /** A tenant's own batches, oldest first, and its requests. */
  async function tenantWith(count: number) {
    const { body } = await system.request('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ name: 'list', tenant: `list-${count}`, permissions: ['*'] }),
    });
    const headers = { authorization: `Bearer ${body.key}` };
    const ids: string[] = [];
    for (let n = 0; n < count; n++)
      ids.push(
        (await postBatch(system, { jobs: [n === 1 ? gated('list') : echo(n)] }, headers)).body.asyncId,
      );
    return { ids, ask: (query = '') => list(query, headers) };
  }

  test('the list has the tenant’s own batches, youngest first, page by page', async () => {
    const { ids, ask } = await tenantWith(7);
    const youngestFirst = ids.toReversed();
    const whole = await ask();
    assert.equal(whole.status, 200);
    assert.deepEqual(Object.keys(whole.body), ['data', 'nextCursor']);
    assert.deepEqual(idsOf(whole), youngestFirst);
    assert.equal(whole.body.nextCursor, null);

    for (const limit of [1, 3, 6, 7, 8]) {
      const seen: string[][] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Answer = await ask(`?limit=${limit}${cursor && `&cursor=${cursor}`}`);
        seen.push(idsOf(page));
        cursor = page.body.nextCursor;
      }
      assert.deepEqual(seen.flat(), youngestFirst);
      assert.equal(seen.length, Math.ceil(7 / limit));
    }
    assert.ok(!idsOf(await list('?limit=1000')).some((id) => ids.includes(id)));

    // New batches do not shift the page after the cursor.
    const { nextCursor } = (await ask('?limit=2')).body;
    await openGate(pool, 'list');
    assert.deepEqual(idsOf(await ask(`?cursor=${nextCursor}`)), youngestFirst.slice(2));
  });

  test('the list has batches of one state', async () => {
    const { ids, ask } = await tenantWith(3);
    const [first, , last] = ids as [string, string, string];
    await waitFor(async () => idsOf(await ask('?state=completed')).length === 3, { what: 'the end of all' });
    assert.deepEqual(idsOf(await ask('?state=completed&limit=1')), [last]);
    assert.deepEqual(idsOf(await ask(`?state=completed&cursor=${ids[1]}`)), [first]);
    for (const state of ['queued', 'running', 'cancelled'])
      assert.deepEqual((await ask(`?state=${state}`)).body, { data: [], nextCursor: null });
    const halts = await halted('state');
    assert.ok(idsOf(await list('?state=running')).includes(halts));
    await openGate(pool, 'state');
    await system.ended(halts);
  });

  test('the list shows each batch in the same form as alone', async () => {
    const running = await halted('shown');
    await ended([refuse], { callbackUrl: 'http://127.0.0.1:9/' });
    const { body } = await list('?limit=2');
    assert.equal(body.data.length, 2);
    for (const batch of body.data) {
      const alone = (await get(batch.asyncId)).body;
      assert.deepEqual(Object.keys(batch), Object.keys(alone));
      assert.equal(batch.callback?.url, alone.callback?.url);
    }
    assert.deepEqual(body.data[1].asyncId, running);
    await openGate(pool, 'shown');
  });

  for (const query of [
    '?limit=0',
    '?limit=1001',
    '?limit=ten',
    '?cursor=x',
    '?cursor=',
    '?cursor=1',
    `?cursor=${'g'.repeat(32)}`,
    `?cursor=${'a'.repeat(32)}&cursor=${'b'.repeat(32)}`,
    '?state=done',
    '?state=',
    '?state=queued&state=running',
  ])
    test(`is 400 with ${query}`, async () => {
      assertProblem(await list(query), 400);
    });
});

describe('cancel, restart and repost', () => {
  test('cancel, pause, resume, restart and repost are 202 with the batch in its new state', async () => {
    const { jobs, running, cancelKnown } = controlJobs('work.attempt', 'cancel');
    const asyncId = await post([...jobs, ...Array.from({ length: 12 }, (_, n) => gated('cancel', n))]);
    await running(system, asyncId, 10);
    const cancelled = await act(asyncId, 'cancel');
    assert.equal(cancelled.status, 202);
    assert.deepEqual([cancelled.body.asyncId, cancelled.body.state], [asyncId, 'running']);
    assert.deepEqual(Object.keys(cancelled.body), Object.keys((await get(asyncId)).body));
    await cancelKnown(system, asyncId);
    await openGate(pool, 'cancel');
    const { counts } = await system.ended(asyncId);
    assert.deepEqual([counts.succeeded, counts.cancelled], [12, 2]);
    assert.equal((await get(asyncId)).body.state, 'cancelled');

    const restarted = await act(asyncId, 'restart');
    assert.equal(restarted.status, 202);
    assert.equal(restarted.body.asyncId, asyncId);
    assert.notEqual(restarted.body.state, 'cancelled');
    assert.equal(restarted.body.counts.cancelled, 0);
    assert.equal((await system.ended(asyncId)).state, 'completed');
    assert.equal((await get(asyncId)).body.counts.succeeded, 14);
  });

  test('cancel, pause, resume, restart and repost are 202 and change nothing when there is nothing to do', async () => {
    const asyncId = await ended([echo(1)]);
    const before = (await get(asyncId)).body;
    for (const action of ['cancel', 'pause', 'resume', 'restart', 'repost']) {
      const { status, body } = await act(asyncId, action);
      assert.equal(status, 202);
      assert.deepEqual(body, before);
    }
    const running = await halted('nothing');
    for (const action of ['restart', 'repost'])
      assert.equal((await act(running, action)).body.state, 'running');
    await openGate(pool, 'nothing');
    await system.ended(running);
  });

  test('cancel, pause, resume, restart and repost need POST', async () => {
    const asyncId = await ended([refuse]);
    for (const action of ['cancel', 'pause', 'resume', 'restart', 'repost'])
      for (const method of ['GET', 'PUT', 'DELETE'])
        assertProblem(await system.request(`/v1/batches/${asyncId}/${action}`, { method }), 405);
    assert.equal((await get(asyncId)).body.state, 'completed');
  });
});

describe('A callback', () => {
  test('a callback is pending, then delivered, and every attempt is logged', async (t) => {
    const { url, received } = await receiver(t, 500, 204);
    const asyncId = await post([gated('callback')], { callbackUrl: url });
    assert.deepEqual((await get(asyncId)).body.callback, { url, state: 'pending', attempts: 0 });
    assert.deepEqual((await get(asyncId, '/callbacks')).body, { data: [] });
    await openGate(pool, 'callback');
    const { callback } = await callbackIs(asyncId, 'delivered', 2);
    assert.deepEqual(callback, { url, state: 'delivered', attempts: 2 });
    assert.equal(received.length, 2);

    const { status, body } = await get(asyncId, '/callbacks');
    assert.equal(status, 200);
    const [failed, delivered] = body.data;
    assert.equal(body.data.length, 2);
    for (const attempt of body.data) {
      assert.deepEqual(Object.keys(attempt), [
        'number',
        'trigger',
        'status',
        'durationMs',
        'error',
        'attemptedAt',
        'nextAttemptAt',
      ]);
      assert.ok(Number.isInteger(attempt.durationMs) && attempt.durationMs >= 0);
    }
    assert.deepEqual(
      [failed.number, failed.trigger, failed.status, failed.error],
      [1, 'completion', 500, 'the receiver answered 500'],
    );
    assert.equal(new Date(failed.nextAttemptAt).toISOString(), failed.nextAttemptAt);
    assert.deepEqual(
      [delivered.number, delivered.trigger, delivered.status, delivered.error, delivered.nextAttemptAt],
      [2, 'completion', 204, null, null],
    );
  });

  test('a reposted callback is logged as such', async (t) => {
    const { url } = await receiver(t, 200);
    const asyncId = await ended([echo(1)], { callbackUrl: url });
    await callbackIs(asyncId, 'delivered', 1);
    const reposted = await act(asyncId, 'repost');
    assert.equal(reposted.status, 202);
    assert.equal(reposted.body.asyncId, asyncId);
    await callbackIs(asyncId, 'delivered', 2);
    const { body } = await get(asyncId, '/callbacks');
    assert.deepEqual(
      body.data.map(({ number, trigger }: { number: number; trigger: string }) => [number, trigger]),
      [
        [1, 'completion'],
        [2, 'repost'],
      ],
    );
  });

  test('a callback that the receiver refuses for good is failed', async (t) => {
    const { url } = await receiver(t, 410);
    const asyncId = await ended([echo(1)], { callbackUrl: url });
    await callbackIs(asyncId, 'failed', 1);
    const { body } = await get(asyncId, '/callbacks');
    assert.equal(body.data.length, 1);
    assert.deepEqual([body.data[0].status, body.data[0].nextAttemptAt], [410, null]);
  });

  test('the callback of a batch without one is null, and its log is empty', async () => {
    const asyncId = await ended([echo(1)]);
    assert.equal((await get(asyncId)).body.callback, null);
    assert.deepEqual((await get(asyncId, '/callbacks')).body, { data: [] });
  });
});

describe('Problems', () => {
  test('errors below /v1 are problem documents', async () => {
    const nobody = { authorization: 'Bearer nobody' };
    for (const path of ['/v1/batches', '/v1/actions', '/v1/nothing', '/v1/batches/x/results']) {
      const unknown = await system.request(path, { headers: nobody });
      assertProblem(unknown, 401);
      assert.equal(unknown.headers.get('www-authenticate'), 'Bearer');
    }
    for (const path of ['/v1/nothing', '/v1/batches/x/nothing', '/v1/actions/test.echo/more'])
      assertProblem(await system.request(path), 404);
    for (const path of ['/v1/batches/%zz', '/v1/actions/%e0%a4'])
      assertProblem(await system.request(path), 400);
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      assertProblem(await system.request('/v1/batches', { method }), 405);
  });
});
