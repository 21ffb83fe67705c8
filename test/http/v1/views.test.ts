/** What pages about batches show: errors, the course over time, single jobs, selected results. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { EventStreams } from '../../../src/http/v1/event-streams.ts';
import { startHttpServer } from '../../outbound/loopback.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, type Answer, type System, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { openEvents } from './event-client.ts';
import { assertProblem, echo, gated, openGate, runsOf, strangerOf } from './support.ts';

let system: System;
let end: () => unknown;
after(() => end());
before(async () => {
  system = await startSystem(
    {
      after: (fn) => {
        end = fn;
      },
    },
    { env: { CALLBACK_RETRY_SECONDS: '3600,3600' } },
  );
});

const get = (asyncId: string, rest: string, headers = {}): Promise<Answer> =>
  system.request(`/v1/batches/${asyncId}${rest}`, { headers });
const refused = (message: string, errorCode = 461, more = {}) => ({
  namespace: 'rpc',
  action: 'refuse',
  params: { message, errorCode, ...more },
});

async function ended(jobs: unknown[], more = {}): Promise<string> {
  const asyncId = await system.run(jobs, more);
  await system.ended(asyncId);
  return asyncId;
}

async function body(asyncId: string, rest: string): Promise<Json> {
  const answer = await get(asyncId, rest);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

const indexes = ({ data }: Json): number[] => data.map(({ index }: Json) => index);

describe('Errors', () => {
  test('failed jobs are grouped by the code and the message of their error', async () => {
    const asyncId = await ended([
      echo(0),
      refused('busy', 503),
      refused('busy', 503, { additionalMessages: ['"', '\\'] }),
      refused('busy', 429),
      refused('It says "no"'),
      refused('It says "yes"'),
      refused('It says "no"', 461, { additionalMessages: ['a'] }),
      refused('ends with a backslash \\'),
      refused('busy', 503),
      refused('\u0000 and \ud800'),
    ]);
    assert.deepEqual(await body(asyncId, '/errors'), {
      data: [
        { code: 503, message: 'busy', count: 3, firstIndex: 1 },
        { code: 461, message: 'It says "no"', count: 2, firstIndex: 4 },
        { code: 429, message: 'busy', count: 1, firstIndex: 3 },
        { code: 461, message: 'It says "yes"', count: 1, firstIndex: 5 },
        { code: 461, message: 'ends with a backslash \\', count: 1, firstIndex: 7 },
        { code: 461, message: '\u0000 and \ud800', count: 1, firstIndex: 9 },
      ],
      others: 0,
    });
  });

  test('a batch without failures has no errors', async () => {
    assert.deepEqual(await body(await ended([echo(0)]), '/errors'), { data: [], others: 0 });
  });

  test('100 errors are listed at most, and the jobs of the others are counted', async () => {
    const jobs = Array.from({ length: 130 }, (_, n) => refused(`There is no contact ${n}`, 404));
    const { data, others } = await body(
      await ended([...jobs, refused('busy', 503), refused('busy', 503)]),
      '/errors',
    );
    assert.deepEqual(data[0], { code: 503, message: 'busy', count: 2, firstIndex: 130 });
    assert.deepEqual(data[99], { code: 404, message: 'There is no contact 98', count: 1, firstIndex: 98 });
    assert.deepEqual([data.length, others], [100, 31]);
  });

  test('a long message is cut, and its beginning finds its jobs', async () => {
    const long = '\u{1f600}é"'.repeat(800);
    const asyncId = await ended([refused(`${long}1`), refused(`${long}2`), refused('short')]);
    const { data } = await body(asyncId, '/errors');
    assert.equal(data[0].count, 2);
    assert.ok(data[0].message.length > 500 && long.startsWith(data[0].message));
    const found = await body(asyncId, `/results?message=${encodeURIComponent(data[0].message)}`);
    assert.deepEqual(indexes(found), [0, 1]);
  });

  test('the errors of a batch that is restarted are those of its new results', async () => {
    const asyncId = await ended([
      { namespace: 'test', action: 'behave', params: { failUntilAttempt: 3 } },
      refused('no'),
    ]);
    const before = await body(asyncId, '/errors');
    assert.deepEqual(
      before.data.map(({ message }: Json) => message),
      ['failed in attempt 3', 'no'],
    );
    const { status } = await system.request(`/v1/batches/${asyncId}/restart`, {
      method: 'POST',
      body: JSON.stringify({ message: 'no' }),
    });
    assert.equal(status, 202);
    await system.ended(asyncId);
    const results = await system.results(asyncId);
    assert.deepEqual(
      results.map(({ attempts }) => attempts),
      [3, 1],
    );
    assert.deepEqual(await body(asyncId, '/errors'), before);
  });
});

describe('A timeline', () => {
  test('every job of an ended batch is in one period', async () => {
    const asyncId = await ended([...Array.from({ length: 50 }, (_, n) => echo(n)), refused('no')]);
    const { data, secondsPerBucket } = await body(asyncId, '/timeline?buckets=10');
    const sum = (name: string) => data.reduce((total: number, bucket: Json) => total + bucket[name], 0);
    assert.deepEqual([sum('succeeded'), sum('failed'), sum('cancelled')], [50, 1, 0]);
    assert.ok(data.length <= 10, `${data.length} periods`);
    const times = data.map(({ at }: Json) => Date.parse(at));
    for (const [n, at] of times.slice(1).entries()) assert.equal(at - times[n], secondsPerBucket * 1000);
    const { startedAt, finishedAt } = await body(asyncId, '');
    assert.ok(times[0] <= Date.parse(startedAt));
    assert.ok(times.at(-1) + secondsPerBucket * 1000 >= Date.parse(finishedAt));
  });

  test('results hours apart have periods of minutes, and what was refused at once is in the first', async () => {
    const asyncId = await ended([echo(0), { namespace: 'no', action: 'such', params: {} }, echo(2)], {
      options: { skipInvalid: true },
    });
    await system.pool.query(
      `with moved as (
         update batchwright.result set finished_at = finished_at + index * interval '1 h'
         where batch_id = $1::uuid and index <> 1
       )
       update batchwright.batch set finished_at = finished_at + interval '2 h' where id = $1::uuid`,
      [asyncId],
    );
    const { data, secondsPerBucket } = await body(asyncId, '/timeline');
    assert.equal(secondsPerBucket, 120);
    assert.ok(data.length >= 61 && data.length <= 62, `${data.length} periods`);
    assert.deepEqual([data[0].succeeded + data[1].succeeded, data[0].failed], [1, 1]);
    assert.equal(data.at(-1).succeeded + data.at(-2).succeeded, 1);
  });

  test('a batch that has not begun has an empty timeline', async () => {
    const asyncId = await system.run([gated('timeline')]);
    const { data } = await body(asyncId, '/timeline');
    assert.ok(data.every(({ succeeded, failed, cancelled }: Json) => succeeded + failed + cancelled === 0));
    await openGate(system.pool, 'timeline');
    await system.ended(asyncId);
    const later = await body(asyncId, '/timeline');
    assert.equal(
      later.data.reduce((total: number, { succeeded }: Json) => total + succeeded, 0),
      1,
    );
  });
});

describe('A job', () => {
  test('an ended job is its result, the texts as they were sent', async () => {
    const job = '{"namespace":"test","action":"echo","id":"one","params":{"n": 1.0, "big":9007199254740993}}';
    const answer = await system.rpc(
      'run',
      `{"jobs":[{"namespace":"test","action":"echo","params":{}},${job}]}`,
    );
    await system.ended(answer.body.asyncId);
    const response = await fetch(`${system.url}/v1/batches/${answer.body.asyncId}/jobs/1`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    assert.match(
      await response.text(),
      /^\{"index":1,"id":"one","namespace":"test","action":"echo","request":\{"n": 1\.0, "big":9007199254740993\},"response":.*"status":"succeeded","attempts":1,/,
    );
  });

  test('jobs that run, wait for another run, and wait for their turn show their state', async () => {
    const progress = { progress: [3, 10], gate: 'job', effect: 'job' };
    const asyncId = await system.run([
      { namespace: 'test', action: 'behave', params: progress },
      { namespace: 'test', action: 'behave', params: { failUntilAttempt: 9, effect: 'job' } },
    ]);
    const running = await waitFor(
      async () => {
        const job = await body(asyncId, '/jobs/0');
        return job.status === 'running' && job.progress && job;
      },
      { what: 'a running job' },
    );
    assert.deepEqual(running, {
      index: 0,
      namespace: 'test',
      action: 'behave',
      request: progress,
      response: null,
      status: 'running',
      attempts: 0,
      startedAt: null,
      finishedAt: null,
      progress: { done: 3, total: 10 },
      nextAttemptAt: null,
    });
    const failed = await waitFor(
      async () => {
        const job = await body(asyncId, '/jobs/1');
        return job.status === 'failed' && job;
      },
      { what: 'the end of a job, before that of its batch' },
    );
    assert.equal(failed.attempts, 3);
    await openGate(system.pool, 'job');
    await system.ended(asyncId);
    assert.equal((await body(asyncId, '/jobs/0')).status, 'succeeded');
    assert.equal(await runsOf(system.pool, 'job'), 4);
  });

  test('a job that waits for its next run shows how often it ran, and when it will', async () => {
    const asyncId = await ended([echo(0), echo(1), echo(2)]);
    // As after two runs, with another one in an hour: no worker takes the message.
    await system.pool.query('delete from batchwright.result where batch_id = $1::uuid and index = 1', [
      asyncId,
    ]);
    await system.pool.query(
      `insert into pgboss.job (name, group_id, start_after, data)
       values ('jobs.default', $1::uuid::text, now() + interval '1 h', json_build_object('batch', $1::uuid, 'chunk', 0,
         'generation', 0, 'attempt', 3, 'indexes', array[1]))`,
      [asyncId],
    );
    const { attempts, status, nextAttemptAt } = await body(asyncId, '/jobs/1');
    assert.deepEqual([attempts, status], [2, 'pending']);
    assert.ok(Date.parse(nextAttemptAt) > Date.now() + 3_000_000);
  });

  test('a job shows the groups that it waits for, and how many of their jobs are left', async () => {
    const gate = 'job of a group';
    const group = 'the "first"\u202e, of 3';
    const dependsOn = [
      { group },
      'parent',
      { group, when: 'finished' },
      { group: 'other', when: 'finished' },
    ];
    const asyncId = await system.run(
      [
        { ...echo(0), group },
        { ...echo(1), group },
        { ...gated(gate), group },
        { ...echo(3), group: 'other', id: 'parent' },
        { ...echo(4), dependsOn },
        // It is refused, and waits for none.
        { ...echo(5), action: 'none', dependsOn: [{ group }] },
        { ...echo(6), dependsOn: [{ group: '\0' }, 7, { group: 8 }, null] },
      ],
      { options: { skipInvalid: true } },
    );
    await waitFor(
      async () => {
        const { dependencies } = await body(asyncId, '/jobs/4');
        return dependencies.groups.every(({ remaining, jobs }: Json) => remaining < jobs && remaining < 2);
      },
      { what: 'the ends of the jobs without a gate to count' },
    );
    const waiting = await body(asyncId, '/jobs/4');
    assert.equal(waiting.status, 'waiting');
    assert.deepEqual(waiting.dependsOn, dependsOn);
    assert.deepEqual(waiting.dependencies, {
      count: 1,
      indexes: [3],
      groups: [
        { group, jobs: 3, remaining: 1 },
        { group: 'other', jobs: 1, remaining: 0 },
      ],
    });
    for (const index of [0, 5, 6])
      assert.deepEqual((await body(asyncId, `/jobs/${index}`)).dependencies, {
        count: 0,
        indexes: [],
        groups: [],
      });
    await openGate(system.pool, gate);
    await system.ended(asyncId);
    const { status, dependencies } = await body(asyncId, '/jobs/4');
    assert.equal(status, 'succeeded');
    assert.deepEqual(dependencies.groups[0], { group, jobs: 3, remaining: 0 });
  });

  test('the groups of a cancelled batch have no job that is left', async () => {
    const gate = 'group of a cancelled batch';
    const asyncId = await system.run([
      { ...gated(gate), group: 'g' },
      { ...gated(gate, 1), dependsOn: [{ group: 'g' }], group: 'h' },
      { ...gated(gate, 2), dependsOn: [{ group: 'h' }] },
    ]);
    await system.request(`/v1/batches/${asyncId}/cancel`, { method: 'POST' });
    await openGate(system.pool, gate);
    await system.ended(asyncId);
    for (const [index, group] of [
      [1, 'g'],
      [2, 'h'],
    ] as const)
      assert.deepEqual((await body(asyncId, `/jobs/${index}`)).dependencies.groups, [
        { group, jobs: 1, remaining: 0 },
      ]);
  });

  test('a wrong index of a job is told', async () => {
    const asyncId = await ended([echo(0)]);
    assertProblem(await get(asyncId, '/jobs/1'), 404, /has 1 job, counted from 0/);
    for (const index of ['-1', '1.5', 'x'])
      assertProblem(await get(asyncId, `/jobs/${index}`), 400, /index of a job/);
  });
});

describe('Selected results', () => {
  let asyncId: string;
  before(async () => {
    const jobs = Array.from({ length: 60 }, (_, n) =>
      n % 3 === 0 ? refused('busy', 503) : n % 3 === 1 ? refused('gone', 404) : echo(n),
    );
    asyncId = await ended(jobs);
  });

  test('results are selected by the code and the message of their error', async () => {
    const codes = async (query: string) => indexes(await body(asyncId, `/results?${query}`));
    const every = (first: number) => Array.from({ length: 20 }, (_, n) => 3 * n + first);
    assert.deepEqual(await codes('errorCode=503'), every(0));
    assert.deepEqual(await codes('message=gone&status=failed'), every(1));
    assert.deepEqual(await codes('errorCode=503&message=gone'), []);
    assert.deepEqual(await codes('message=go'), []);
    assert.deepEqual(await codes('errorCode=503&status=succeeded'), []);
  });

  test('a page begins at any position among what is selected', async () => {
    const page = (query: string) => body(asyncId, `/results?limit=2&${query}`);
    assert.deepEqual(indexes(await page('start=40')), [40, 41]);
    assert.deepEqual(indexes(await page('errorCode=503&start=10')), [30, 33]);
    const last = await page('status=succeeded&start=18');
    assert.deepEqual([indexes(last), last.nextCursor], [[56, 59], null]);
    const beyond = await page('status=succeeded&start=20');
    assert.deepEqual([beyond.data, beyond.nextCursor], [[], null]);
    const next = await page(`errorCode=503&cursor=${(await page('errorCode=503&start=10')).nextCursor}`);
    assert.deepEqual(indexes(next), [36, 39]);
  });

  test('wrong parameters are named', async () => {
    assertProblem(
      await get(asyncId, '/results?start=1&cursor=1'),
      400,
      /start cannot be combined with cursor/,
    );
    assertProblem(
      await get(asyncId, '/results?errorCode=200'),
      400,
      /errorCode must be a whole number from 400/,
    );
    assertProblem(await get(asyncId, '/results?start=x'), 400, /start must be a whole number/);
    assertProblem(
      await get(asyncId, '/timeline?buckets=9'),
      400,
      /buckets must be a whole number from 10 to 500/,
    );
    assertProblem(await get(asyncId, '/errors?limit=9'), 400, /limit= is not known/);
    const restart = { method: 'POST', body: '{"message":5}' };
    assertProblem(
      await system.request(`/v1/batches/${asyncId}/restart`, restart),
      400,
      /message must be a text/,
    );
    const both = { method: 'POST', body: '{"indexes":[0],"message":"busy"}' };
    assertProblem(
      await system.request(`/v1/batches/${asyncId}/restart`, both),
      400,
      /indexes cannot be combined with message/,
    );
  });

  test("another tenant's batch has neither errors nor a timeline nor jobs", async () => {
    const stranger = await strangerOf(system);
    for (const rest of ['/errors', '/timeline', '/jobs/0', '/results?errorCode=503'])
      assertProblem(await get(asyncId, rest, stranger), 404);
  });
});

describe('Lists', () => {
  const list = (query: string, headers = {}) => system.request(`/v1/batches?${query}`, { headers });

  test('batches are selected by action, time and failures', async () => {
    const stranger = await strangerOf(system);
    const make = async (jobs: unknown[]): Promise<string> => {
      const { body } = await system.rpc('run', { jobs }, stranger);
      await waitFor(async () => (await get(body.asyncId, '', stranger)).body.progress === 100, {
        what: 'the end',
      });
      return body.asyncId;
    };
    const well = await make([echo(0)]);
    const badly = await make([echo(0), refused('no')]);
    const { createdAt } = (await get(badly, '', stranger)).body;
    const ids = async (query: string) => {
      const { body } = await list(query, stranger);
      return body.data
        .map(({ asyncId }: Json) => asyncId)
        .filter((id: string) => id === well || id === badly);
    };
    assert.deepEqual(await ids('failed=true'), [badly]);
    assert.deepEqual(await ids('failed=false'), [well]);
    assert.deepEqual(await ids('action=rpc.refuse'), [badly]);
    assert.deepEqual(await ids('action=test.echo&state=completed'), [badly, well]);
    assert.deepEqual(await ids('action=no.such'), []);
    assert.deepEqual(await ids(`since=${createdAt}`), [badly]);
    assert.deepEqual(await ids(`until=${createdAt}`), [well]);
    assert.deepEqual(await ids(`since=2020-01-01T00:00:00%2B02:00&failed=true`), [badly]);
    for (const wrong of [
      'since=yesterday',
      'until=1950-01-01T00:00:00Z',
      'since=2026-02-30T00:00:00Z',
      'failed=yes',
    ])
      assertProblem(await list(wrong), 400, new RegExp(`^${wrong.split('=')[0]} must be`));
  });

  test('callbacks that are not delivered are listed over all batches of the tenant', async (t) => {
    const { url } = await startHttpServer(t, (request, response) => {
      response.statusCode = request.url === '/gone' ? 410 : 503;
      response.end();
    });
    const failing = await ended([echo(0)], { callbackUrl: `${url}/gone` });
    const waiting = await ended([echo(0)], { callbackUrl: `${url}/busy` });
    const callbacks = (query = '', headers = {}) => system.request(`/v1/callbacks${query}`, { headers });
    const { data } = await waitFor(
      async () => {
        const { body } = await callbacks();
        const tried = body.data.every(({ lastAttempt }: Json) => lastAttempt !== null);
        return tried && body.data.some(({ state }: Json) => state === 'failed') && body;
      },
      { what: 'attempts' },
    );
    assert.deepEqual(
      data.map(({ asyncId, state, lastAttempt }: Json) => [asyncId, state, lastAttempt.status]),
      [
        [waiting, 'pending', 503],
        [failing, 'failed', 410],
      ],
    );
    assert.equal(data[0].url, `${url}/busy`);
    assert.ok(Date.parse(data[0].lastAttempt.nextAttemptAt) > Date.parse(data[0].lastAttempt.attemptedAt));
    assert.equal((await callbacks('?state=failed')).body.data[0].asyncId, failing);
    const first = (await callbacks('?limit=1')).body;
    const second = (await callbacks(`?limit=1&cursor=${first.nextCursor}`)).body;
    assert.deepEqual(
      [first.data[0].asyncId, second.data[0].asyncId, second.nextCursor],
      [waiting, failing, null],
    );
    assert.deepEqual((await callbacks('', await strangerOf(system))).body.data, []);
    assertProblem(await callbacks('?state=delivered'), 400, /state must be one of pending, failed/);
    assertProblem(await callbacks('?cursor=x'), 400, /cursor must be the nextCursor/);
  });

  test('a key shows what it may do', async () => {
    const me = async (headers = {}) => (await system.request('/v1/me', { headers })).body;
    assert.deepEqual(await me(), {
      keyId: 'admin',
      name: 'admin',
      tenant: 'default',
      permissions: ['*', 'admin'],
      isAdmin: true,
      isOperator: true,
      expiresAt: null,
    });
    const { keyId, ...rest } = await me(await strangerOf(system, ['test.*']));
    assert.match(keyId, /^[0-9a-f]{16}$/);
    assert.deepEqual(rest, {
      name: 'stranger',
      tenant: 'stranger',
      permissions: ['test.*'],
      isAdmin: false,
      isOperator: false,
      expiresAt: null,
    });
  });
});

describe('One stream for several batches', () => {
  const streamOf = (ids: string[]) => openEvents(`${system.url}/v1/events?batches=${ids.join(',')}`);

  test('each batch is sent as it is and to its end, and the stream stays open', async () => {
    const open = await system.run([gated('stream')]);
    const over = await ended([echo(0)]);
    const { body: foreign } = await system.rpc('run', { jobs: [echo(0)] }, await strangerOf(system));
    const stream = await streamOf([open, over, foreign.asyncId]);
    const heard = (count: number) =>
      waitFor(async () => stream.events.length >= count, { what: `${count} events` });
    await heard(3);
    await openGate(system.pool, 'stream');
    await waitFor(async () => stream.events.filter(({ name }) => name === 'finished').length === 2, {
      what: 'the ends',
    });
    const of = (id: string) =>
      stream.events.filter(({ data }) => data.asyncId === id).map(({ name }) => name);
    assert.deepEqual(of(over), ['finished']);
    assert.deepEqual(of(foreign.asyncId), ['gone']);
    assert.deepEqual([of(open)[0], of(open).at(-1)], ['progress', 'finished']);
    const next = await system.run([echo(1)]);
    await system.ended(next);
    assert.equal(await Promise.race([stream.ended, Promise.resolve('open')]), 'open');
    stream.close();
  });

  test('the newest batches of the tenant are sent too, those that are taken later, and those that run again', async () => {
    const stranger = await strangerOf(system);
    const take = async (job: unknown) =>
      (await system.rpc('run', { jobs: [job] }, stranger)).body.asyncId as string;
    const stream = await openEvents(`${system.url}/v1/events?newest=true`, stranger);
    const heard = (asyncId: string, name: string, times = 1) =>
      waitFor(
        async () =>
          stream.events.filter((event) => event.name === name && event.data.asyncId === asyncId).length ===
          times,
        { what: `${name} of ${asyncId}` },
      );
    const later = await take(refused('no'));
    await heard(later, 'finished');
    const { body: own } = await system.rpc('run', { jobs: [echo(0)] });
    await system.request(`/v1/batches/${later}/restart`, { method: 'POST', headers: stranger });
    await heard(later, 'finished', 2);
    const last = await take(echo(0));
    await heard(last, 'finished');
    assert.ok(!stream.events.some(({ data }) => data.asyncId === own.asyncId));
    stream.close();
  });

  test('answers are sent as they are, and when they have changed', async () => {
    const asyncId = await system.run([gated('answers')]);
    const isRunning = async () =>
      (await system.request(`/v1/batches/${asyncId}/jobs/0`)).body.status === 'running';
    await waitFor(isRunning, { what: 'the job to run' });
    const paths = ['jobs/0', 'jobs?limit=1', 'errors', 'jobs/7'].map(
      (end) => `/v1/batches/${asyncId}/${end}`,
    );
    const stream = await openEvents(
      `${system.url}/v1/events?batches=${asyncId}&paths=${[...paths, '/v1/limits'].map(encodeURIComponent).join()}`,
    );
    const of = (path: string) =>
      stream.events
        .filter(({ name, data }) => name === 'answer' && data.path === path)
        .map(({ data }) => data);
    const sent = (path: string, count: number) =>
      waitFor(async () => of(path).length >= count, { what: `${count} answers of ${path}` });
    for (const path of paths) {
      await sent(path, 1);
      const { status, body } = await system.request(path);
      const [first] = of(path);
      assert.equal(first.status, status, path);
      if (path !== paths[0]) assert.deepEqual(first.answer, body, path);
    }
    await sent('/v1/limits', 1);
    assert.equal(of(paths[3] ?? '')[0].status, 404);
    await openGate(system.pool, 'answers');
    await waitFor(async () => of(paths[0] ?? '').at(-1)?.answer.status === 'succeeded', { what: 'the end' });
    await waitFor(async () => of(paths[1] ?? '').at(-1)?.answer.data.length === 0, { what: 'no open job' });
    assert.equal(of(paths[3] ?? '').length, 1, 'an answer that has not changed is not sent again');
    stream.close();
  });

  test('a strange caller is answered as by a GET', async () => {
    const asyncId = await ended([echo(0)]);
    const path = `/v1/batches/${asyncId}/jobs/0`;
    const stream = await openEvents(
      `${system.url}/v1/events?paths=/v1/system,${path}`,
      await strangerOf(system),
    );
    await waitFor(async () => stream.events.length === 2, { what: 'two answers' });
    const statuses = Object.fromEntries(stream.events.map(({ data }) => [data.path, data.status]));
    assert.deepEqual(statuses, { '/v1/system': 403, [path]: 404 });
    stream.close();
  });

  test('a text with line breaks arrives as it was sent', async () => {
    const { body } = await system.rpc(
      'run',
      '{"jobs":[{"namespace":"test","action":"echo","params":{"a":\n1,\r\n"b":2}}]}',
    );
    await system.ended(body.asyncId);
    const stream = await openEvents(`${system.url}/v1/events?paths=/v1/batches/${body.asyncId}/jobs/0`);
    await waitFor(async () => stream.events.length === 1, { what: 'the answer' });
    assert.deepEqual(stream.events[0]?.data.answer.request, { a: 1, b: 2 });
    stream.close();
  });

  test('a wrong list of paths is told', async () => {
    for (const [paths, message] of [
      ['', /paths must be such as \/v1\/limits/],
      ['/v1/keys', /paths must be such as/],
      ['/v1/batches/x%ff/errors', /percent-encoded/],
      ['/v1/limits?x=1', /\?x=/],
      [Array.from({ length: 21 }, (_, n) => `/v1/batches/${n}/errors`).join(), /at most 20/],
    ] as const) {
      const problem = await system.request(`/v1/events?paths=${encodeURIComponent(paths)}`);
      assertProblem(problem, 400, message);
    }
  });

  test('a wrong list of batches is told', async () => {
    const many = Array.from({ length: 101 }, (_, n) => n.toString(16).padStart(32, '0')).join();
    for (const query of ['', '?batches=', '?batches=x', `?batches=${many}`, '?newest=true&batches='])
      assertProblem(await system.request(`/v1/events${query}`), 400, /batches must be 1 to 100 asyncIds/);
    assertProblem(await system.request('/v1/events?newest=yes'), 400, /newest must be one of true, false/);
  });

  test('the streams of a key and of a process are limited, and closed ones do not count', () => {
    const streams = new EventStreams({ perKey: 1, perProcess: 2 });
    const caller = (keyId: string) => ({ keyId, tenant: 'default', permissions: [] });
    const response = () => Object.assign(new EventEmitter(), { destroyed: false });
    const first = response();
    const add = (keyId: string, of = response()) => streams.add(caller(keyId), of as never);
    add('one', first);
    assert.throws(() => add('one'), { kind: 'tooManyRequests', retryAfter: 10 });
    add('two');
    assert.throws(() => add('three'), { kind: 'unavailable', retryAfter: 10 });
    first.emit('close');
    add('one');
  });
});
