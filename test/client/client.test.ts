import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  AuthenticationError,
  BadRequestError,
  type Batch,
  Batchwright,
  ConnectionError,
  IdempotencyError,
  type Job,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  TimeoutError,
} from '../../src/client/index.ts';
import type { BatchView } from '../../src/pipeline/read/batch-view.ts';
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts';

/** The client's type of a batch is the JSON of the server's. */
type Json<T> = T extends Date ? string : T extends object ? { [Name in keyof T]: Json<T[Name]> } : T;
const _sameBatch: (view: Json<BatchView>) => Batch = (view) => view;

const job = (n: number): Job => ({ namespace: 'test', action: 'echo', params: { n } });
const behave = (params: object): Job => ({ namespace: 'test', action: 'behave', params });
const jobs = (count: number): Job[] => Array.from({ length: count }, (_, n) => job(n));

suite('batchwright/client', () => {
  let system: System;
  let direct: Batchwright;
  let end: () => unknown;
  after(() => end());
  before(async () => {
    system = await startSystem({
      after: (fn) => {
        end = fn;
      },
    });
    direct = new Batchwright({ url: system.url, key: ADMIN_KEY });
  });

  /** A client behind a proxy with these faults. */
  async function behind(
    t: Parameters<typeof startFaultyProxy>[0],
    faults: FaultyProxy['faults'],
    options: { timeoutSeconds?: number } = {},
  ): Promise<{ client: Batchwright; proxy: FaultyProxy }> {
    const proxy = await startFaultyProxy(t, system.url);
    proxy.faults.push(...faults);
    return { client: new Batchwright({ url: proxy.url, key: ADMIN_KEY, ...options }), proxy };
  }

  async function batchCount(): Promise<number> {
    const { rows } = await system.pool.query('select count(*)::int as count from batchwright.batch');
    return rows[0].count;
  }

  test('a batch is created, watched to its end and read', async () => {
    const seen: Batch[] = [];
    const created = await direct.batches.createAndWait(
      { jobs: [job(1), behave({ fatal: 'no' })] },
      { onProgress: (batch) => seen.push(batch) },
    );
    assert.equal(created.state, 'completed');
    assert.deepEqual([created.counts.succeeded, created.counts.failed], [1, 1]);
    assert.deepEqual(seen.at(-1), created);
    assert.deepEqual(await direct.batches.retrieve(created.asyncId), created);

    const results = await Array.fromAsync(direct.batches.results(created.asyncId));
    assert.deepEqual(
      results.map(({ index, status, response }) => ({ index, status, response })),
      [
        { index: 0, status: 'succeeded', response: { n: 1 } },
        { index: 1, status: 'failed', response: { errorCode: 461, message: 'no' } },
      ],
    );
    const failed = await Array.fromAsync(direct.batches.results(created.asyncId, { status: 'failed' }));
    assert.deepEqual(failed, results.slice(1));
  });

  test('a number in a result line is as it was sent, and CSV comes as the server sends it', async () => {
    const text = '{"jobs":[{"namespace":"test","action":"echo","params":{"n":1.0}}]}';
    const { body } = await system.rpc('run', text);
    await direct.batches.wait(body.asyncId);
    const [line = ''] = await Array.fromAsync(direct.batches.resultLines(body.asyncId));
    assert.match(line, /"request":\{"n":1\.0\}/);
    const pieces = await Array.fromAsync(direct.batches.resultsAsCsv(body.asyncId));
    assert.match(Buffer.concat(pieces).toString(), /^index,id,namespace,[^\n]*\r\n0,,test,echo,/);
  });

  test('batches are listed newest first, in pages', async () => {
    const made = [];
    for (let n = 0; n < 3; n++) made.unshift((await direct.batches.create({ jobs: [job(n)] })).asyncId);
    const listed: string[] = [];
    for await (const { asyncId } of direct.batches.list({ limit: 2 })) {
      listed.push(asyncId);
      if (listed.length === 3) break;
    }
    assert.deepEqual(listed, made);
    for await (const { data } of direct.batches.list({ limit: 2 }).pages()) {
      assert.equal(data.length, 2);
      break;
    }
  });

  test('a batch is cancelled, restarted, restarted by selection and reposted', async () => {
    const { asyncId } = await direct.batches.create({
      jobs: [behave({ fatal: 'a' }), behave({ fatal: 'b' })],
    });
    await direct.batches.wait(asyncId);
    await direct.batches.restart(asyncId, { indexes: [1] });
    await direct.batches.wait(asyncId);
    await direct.batches.restart(asyncId, { status: ['failed'], errorCode: 503 });
    const again = await direct.batches.restart(asyncId);
    assert.equal(again.state, 'queued');
    await direct.batches.cancel(asyncId);
    assert.ok(['cancelled', 'completed'].includes((await direct.batches.wait(asyncId)).state));
    assert.equal((await direct.batches.repost(asyncId)).callback, null);
    assert.deepEqual(await direct.batches.callbacks(asyncId), []);
    await assert.rejects(direct.batches.restart(asyncId, { indexes: [7] }), BadRequestError);
  });

  test('actions are listed, retrieved and run alone', async () => {
    const names = (await direct.actions.list()).map(({ name }) => name);
    assert.ok(names.includes('test.echo'));
    assert.equal((await direct.actions.retrieve('test.echo')).summary, 'Answers its params');
    assert.deepEqual(await direct.actions.run('test.echo', { n: 1 }), { n: 1 });
    await assert.rejects(direct.actions.run('test.behave', { fatal: 'it fails' }), {
      name: 'ApiError',
      status: 461,
      message: 'it fails',
    });
  });

  test('each kind of error is a class with status, codes and messages', async () => {
    const wrong = direct.batches.create({ jobs: [{ namespace: 'test', action: 'nope', params: {} }] });
    await assert.rejects(wrong, (error: BadRequestError) => {
      assert.ok(error instanceof BadRequestError);
      assert.deepEqual([error.status, error.errorCode, error.specificCode], [400, 400, 24092]);
      assert.deepEqual(error.messages, ['jobs[0]: there is no action test.nope']);
      return true;
    });
    const validated = direct.batches.validate({ jobs: [{ namespace: 'test', action: 'nope', params: {} }] });
    await assert.rejects(validated, { name: 'BadRequestError', specificCode: 24092 });
    await assert.rejects(direct.batches.retrieve('nope'), NotFoundError);
    await assert.rejects(direct.batches.wait('0'.repeat(32)), NotFoundError);
    await assert.rejects(Array.fromAsync(direct.batches.results('0'.repeat(32))), { specificCode: 24115 });
    const stranger = new Batchwright({ url: system.url, key: 'bw_unknown' });
    await assert.rejects(stranger.batches.retrieve('nope'), AuthenticationError);
    const { key } = await direct.keys.create({ name: 'narrow', permissions: ['contact.*'] });
    const narrow = new Batchwright({ url: system.url, key });
    await assert.rejects(narrow.batches.create({ jobs: [job(1)] }), PermissionError);
    await direct.batches.create({ jobs: [job(1)] }, { idempotencyKey: 'one' });
    await assert.rejects(
      direct.batches.create({ jobs: [job(2)] }, { idempotencyKey: 'one' }),
      IdempotencyError,
    );
  });

  test('a key is made, listed and revoked', async () => {
    const { id, key } = await direct.keys.create({ name: 'short-lived', permissions: ['test.*'] });
    assert.match(key, /^bw_/);
    assert.ok((await direct.keys.list()).some((one) => one.id === id && one.name === 'short-lived'));
    await direct.keys.revoke(id);
    assert.ok(!(await direct.keys.list()).some((one) => one.id === id));
  });

  test('what a key may do, limits, workers and changes are shown', async () => {
    assert.deepEqual(await direct.me(), {
      keyId: 'admin',
      name: 'admin',
      tenant: 'default',
      permissions: ['*', 'admin'],
      isAdmin: true,
      isOperator: true,
      expiresAt: null,
    });
    const limits = { concurrency: { max: 3 } };
    assert.deepEqual(await direct.actions.change('test.echo', { limits, paused: true }), {
      name: 'test.echo',
      paused: true,
      limits,
    });
    const { actions } = await direct.limits();
    assert.deepEqual(actions.find(({ name }) => name === 'test.echo')?.limits, limits);
    await direct.actions.change('test.echo', { limits: null, paused: false });
    const changes = await Array.fromAsync(direct.audit({ target: 'test.echo', limit: 1 }));
    assert.deepEqual(
      changes.map(({ event }) => event),
      ['action.limitsChanged', 'action.resumed', 'action.limitsChanged', 'action.paused'],
    );
    const { workers, queues } = await direct.system();
    assert.equal(workers[0]?.pid, process.pid);
    assert.ok(queues.some(({ queue }) => queue === 'jobs.default'));
  });

  test('the errors of a batch, its course over time and its jobs are read', async () => {
    const { asyncId } = await direct.batches.createAndWait({
      jobs: [job(0), behave({ fatal: 'no' }), behave({ fatal: 'no' })],
    });
    assert.deepEqual(await direct.batches.errors(asyncId), {
      data: [{ code: 461, message: 'no', count: 2, firstIndex: 1 }],
      others: 0,
    });
    const { data } = await direct.batches.timeline(asyncId, { buckets: 10 });
    assert.ok(data.length <= 10);
    assert.equal(
      data.reduce((sum, { succeeded, failed }) => sum + 10 * succeeded + failed, 0),
      12,
    );
    const { status, response } = await direct.batches.job<{ n: number }>(asyncId, 0);
    assert.deepEqual([status, response], ['succeeded', { n: 0 }]);
    await assert.rejects(direct.batches.job(asyncId, 3), NotFoundError);
  });

  test('batches that are taken later are followed too', async () => {
    const followed = direct.batches.follow([], { newest: true });
    const next = followed.next();
    const { asyncId } = await direct.batches.create({ jobs: [job(0)] });
    const isEnd = ({ name, asyncId: id }: { name: string; asyncId: string }) =>
      name === 'finished' && id === asyncId;
    const first = await next;
    if (!first.done && !isEnd(first.value)) for await (const change of followed) if (isEnd(change)) break;
    await followed.return(undefined);
  });

  test('the jobs that have not ended are read one after another, and a batch names its actions', async () => {
    const { asyncId, actions } = await direct.batches.create({
      jobs: [behave({ gate: 'listed' }), { ...behave({ gate: 'listed' }), id: 'last' }, job(2)],
    });
    assert.deepEqual(actions?.toSorted(), ['test.behave', 'test.echo']);
    const open = await Array.fromAsync(direct.batches.openJobs(asyncId, { limit: 1 }));
    assert.deepEqual(
      open.slice(0, 2).map(({ index, id }) => [index, id]),
      [
        [0, undefined],
        [1, 'last'],
      ],
    );
    assert.deepEqual(await Array.fromAsync(direct.batches.openJobs(asyncId, { status: 'waiting' })), []);
    await system.pool.query(`insert into test.gate values ('listed')`);
    await direct.batches.wait(asyncId);
    assert.deepEqual(await Array.fromAsync(direct.batches.openJobs(asyncId)), []);
  });

  test('callbacks that are not delivered are listed over all batches', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) {
      const batch = { jobs: [job(n)], callbackUrl: 'http://127.0.0.1:9/hook' };
      ids.unshift((await direct.batches.createAndWait(batch)).asyncId);
    }
    const open = await Array.fromAsync(direct.openCallbacks({ state: 'pending', limit: 1 }));
    assert.deepEqual(
      open.map(({ asyncId, url }) => [asyncId, url]),
      ids.map((asyncId) => [asyncId, 'http://127.0.0.1:9/hook']),
    );
    assert.deepEqual(await Array.fromAsync(direct.openCallbacks({ state: 'failed' })), []);
  });

  test('several batches are followed over one connection, also over one that breaks', async (t) => {
    const ended = await direct.batches.createAndWait({ jobs: [job(1)] });
    const running = await direct.batches.create({ jobs: [behave({ gate: 'followed' })] });
    const gone = 'f'.repeat(32);
    const { client, proxy } = await behind(t, [{ matches: /^GET .v1.events/, cutAfter: 10 }]);
    const seen: [string, string][] = [];
    let isOpen = false;
    const ids = [ended.asyncId, running.asyncId, gone];
    for await (const { name, asyncId, batch } of client.batches.follow(ids)) {
      seen.push([name, asyncId]);
      assert.equal(batch?.asyncId ?? gone, asyncId);
      const isSeen = new Set(seen.map(([, id]) => id)).size === 3;
      if (!isSeen || isOpen) continue;
      isOpen = true;
      await system.pool.query("insert into test.gate (name) values ('followed')");
    }
    assert.deepEqual(
      new Set(seen.slice(0, -1).map(String)),
      new Set([`finished,${ended.asyncId}`, `progress,${running.asyncId}`, `gone,${gone}`]),
    );
    assert.deepEqual(seen.at(-1), ['finished', running.asyncId]);
    assert.equal(proxy.requests.length, 2);
    await assert.rejects(client.batches.follow(['no id']).next(), BadRequestError);
  });

  test('wrong options are a TypeError that names the option', () => {
    const key = ADMIN_KEY;
    assert.throws(
      () => new Batchwright({ url: 'localhost:3000', key }),
      /^TypeError: url must be an address/,
    );
    assert.throws(() => new Batchwright({ url: system.url, key: '' }), /^TypeError: key must be/);
    assert.throws(() => new Batchwright({ url: system.url, key: 'a\nb' }), /^TypeError: key must be/);
    assert.throws(
      () => new Batchwright({ url: system.url, key, maxRetries: -1 }),
      /^TypeError: maxRetries must/,
    );
  });

  test('an id that would lead to another path is a TypeError at once, for every method', async () => {
    const { batches, actions, keys } = direct;
    const calls: ((id: string) => Promise<unknown>)[] = [
      (id) => batches.retrieve(id),
      (id) => batches.wait(id),
      (id) => batches.follow([id]).next(),
      (id) => batches.results(id).next(),
      (id) => batches.resultLines(id).next(),
      (id) => batches.resultsAsCsv(id).next(),
      (id) => batches.resultPage(id),
      (id) => batches.openJobs(id).pages().next(),
      (id) => batches.job(id, 0),
      (id) => batches.errors(id),
      (id) => batches.timeline(id),
      (id) => batches.callbacks(id),
      (id) => batches.cancel(id),
      (id) => batches.pause(id),
      (id) => batches.resume(id),
      (id) => batches.restart(id),
      (id) => batches.repost(id),
      (id) => batches.delete(id),
      (id) => actions.retrieve(id),
      (id) => actions.change(id, {}),
      (id) => actions.run(id, {}),
      (id) => keys.revoke(id),
    ];
    for (const call of calls)
      for (const id of ['', '..', undefined, null] as string[])
        await assert.rejects(call(id), { name: 'TypeError', message: /must be a text that names something/ });
    await assert.rejects(batches.job('a', -1), /^TypeError: index must be a whole number/);
  });

  test('an upload without jobs, file or action is a TypeError in words', async () => {
    const { batches } = direct;
    const none = null as never;
    await assert.rejects(batches.createFrom(none), /^TypeError: jobs must be an array/);
    await assert.rejects(batches.validateFrom(none), /^TypeError: jobs must be an array/);
    await assert.rejects(batches.createFromCsv(none, { action: 'test.echo' }), /^TypeError: file must be/);
    for (const options of [undefined, null, {}] as never[]) {
      await assert.rejects(
        batches.createFromCsv('n\n1\n', options),
        /^TypeError: options must name the action/,
      );
      await assert.rejects(
        batches.validateCsv('n\n1\n', options),
        /^TypeError: options must name the action/,
      );
    }
  });

  test('an empty answer is a ConnectionError in words', async () => {
    const fetch = async () => new Response('');
    const client = new Batchwright({ url: system.url, key: ADMIN_KEY, maxRetries: 0, fetch });
    await assert.rejects(client.batches.retrieve('a'), {
      name: 'ConnectionError',
      message: 'GET /v1/batches/a: the answer is empty',
    });
  });

  test('an idempotencyKey that no header can have is a TypeError at once', async () => {
    const options = { idempotencyKey: 'import €' };
    const wrong = {
      name: 'TypeError',
      message: 'idempotencyKey must be one line of ASCII or Latin-1 characters',
    };
    await assert.rejects(direct.batches.create({ jobs: [] }, options), wrong);
    await assert.rejects(direct.batches.createFrom([], options), wrong);
    await assert.rejects(direct.actions.run('test.echo', {}, options), wrong);
  });

  test('a batch whose answer was lost is created once, under the key of the call', async (t) => {
    const matches = /^POST \/v1\/batches/;
    const { client, proxy } = await behind(t, [
      { matches, refuse: true },
      { matches, cutAfter: 0 },
    ]);
    const countBefore = await batchCount();
    const { asyncId } = await client.batches.create({ jobs: [job(1)] });
    assert.equal((await client.batches.wait(asyncId)).state, 'completed');
    assert.equal(await batchCount(), countBefore + 1);
    const keys = proxy.requests.slice(0, 3).map(({ key }) => key);
    assert.equal(keys.length, 3);
    assert.match(keys[0] ?? '', /^[0-9a-f]{32}$/);
    assert.equal(new Set(keys).size, 1);
  });

  test('after two repeats the error is thrown, and 400 is not repeated', async (t) => {
    const refused = { matches: /./, refuse: true };
    const { client, proxy } = await behind(t, [refused, refused, refused]);
    await assert.rejects(client.actions.list(), ConnectionError);
    assert.equal(proxy.requests.length, 3);
    await assert.rejects(client.batches.create({ jobs: [] }), BadRequestError);
    assert.equal(proxy.requests.length, 4);
  });

  test('429 and 503 are repeated when Retry-After says, 501 is not', async (t) => {
    const matches = /./;
    const headers = { 'retry-after': '1' };
    const { client, proxy } = await behind(t, [
      { matches, answer: { status: 429, headers } },
      { matches, answer: { status: 503, headers: { 'retry-after': '0' } } },
    ]);
    const startedAt = performance.now();
    await client.actions.list();
    assert.ok(performance.now() - startedAt >= 1000);
    proxy.faults.push({ matches, answer: { status: 501 } });
    await assert.rejects(client.actions.list(), ServerError);
    proxy.faults.push({ matches, answer: { status: 429, headers: { 'retry-after': '3600' } } });
    await assert.rejects(client.actions.list(), (error: RateLimitError) => {
      assert.ok(error instanceof RateLimitError);
      return error.retryAfter === 3600;
    });
  });

  test('a key that may exist already is not made twice', async (t) => {
    const { client, proxy } = await behind(t, [{ matches: /keys/, cutAfter: 0 }]);
    await assert.rejects(client.keys.create({ name: 'once', permissions: ['test.*'] }), ConnectionError);
    assert.equal(proxy.requests.length, 1);
  });

  test('a server that does not answer is a TimeoutError', async (t) => {
    const matches = /./;
    const { client } = await behind(t, Array(3).fill({ matches, hang: true }), { timeoutSeconds: 0.1 });
    await assert.rejects(client.actions.list(), TimeoutError);
  });

  test('results go on behind the last one after broken connections', async (t) => {
    const { asyncId } = await direct.batches.create({ jobs: jobs(500) });
    await direct.batches.wait(asyncId);
    const matches = /\/results/;
    const { client, proxy } = await behind(t, [
      { matches, cutAfter: 5_000 },
      { matches, refuse: true },
      { matches, cutAfter: 20_000 },
    ]);
    const results = await Array.fromAsync(client.batches.results(asyncId));
    assert.deepEqual(
      results.map(({ index, response }) => [index, response]),
      jobs(500).map(({ params }, n) => [n, params]),
    );
    const cursors = proxy.requests.map(({ line }) => /cursor=\d+/.exec(line)?.[0]);
    assert.equal(cursors.length, 4);
    assert.equal(cursors[0], undefined);
    assert.ok(cursors[1] !== undefined && cursors[1] === cursors[2] && cursors[3] !== cursors[1]);
  });

  test('a loop over results may end early, and its own error passes through', async () => {
    const { asyncId } = await direct.batches.create({ jobs: jobs(100) });
    await direct.batches.wait(asyncId);
    for await (const { index } of direct.batches.results(asyncId)) if (index === 3) break;
    const own = new Error('of the loop');
    const loop = async () => {
      for await (const _ of direct.batches.results(asyncId)) throw own;
    };
    await assert.rejects(loop, own);
  });

  test('wait goes on after events that break off, and polls where they do not come through', async (t) => {
    const { asyncId } = await direct.batches.create({ jobs: [behave({ gate: 'broken' })] });
    const events = /\/events/;
    const { client, proxy } = await behind(t, [
      { matches: events, cutAfter: 10 },
      { matches: events, cutAt: '\n\n' },
      { matches: events, answer: { status: 502 } },
      { matches: /GET \/v1\/batches\/[0-9a-f]+$/, refuse: true },
    ]);
    const ended = client.batches.wait(asyncId);
    await waitFor(async () => proxy.faults.length === 0, { what: 'all faults' });
    assert.ok(proxy.requests.length > 4);
    await system.pool.query(`insert into test.gate (name) values ('broken')`);
    assert.equal((await ended).state, 'completed');
  });

  test('wait ends with the reason of its signal, and the batch goes on', async () => {
    const { asyncId } = await direct.batches.create({ jobs: [behave({ gate: 'abandoned' })] });
    const ending = new AbortController();
    const why = new Error('no longer wanted');
    const onProgress = () => ending.abort(why);
    await assert.rejects(direct.batches.wait(asyncId, { signal: ending.signal, onProgress }), why);
    assert.notEqual((await direct.batches.cancel(asyncId)).state, 'completed');
    await system.pool.query(`insert into test.gate (name) values ('abandoned')`);
    await direct.batches.wait(asyncId);
  });

  test('wait gives up when the server is away for longer than its patience', async () => {
    const nowhere = new Batchwright({ url: 'http://127.0.0.1:1', key: ADMIN_KEY });
    await assert.rejects(nowhere.batches.wait('0'.repeat(32), { patienceSeconds: 0 }), ConnectionError);
  });

  test('jobs are sent while they are made, with callback and options', async () => {
    async function* made() {
      for (let n = 0; n < 20_000; n++) yield job(n);
    }
    const options = { skipInvalid: true, concurrency: 5, rate: { limit: 100_000, perSeconds: 1 } };
    const batch = await direct.batches.createFrom(made(), { options });
    assert.equal(batch.counts.total, 20_000);
    await direct.batches.cancel(batch.asyncId);
    await direct.batches.wait(batch.asyncId);
  });

  test('an upload that the server refuses is not read any further', async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield { ...job(1), params: { text: 'x'.repeat(1000) } };
      } finally {
        ended = true;
      }
    }
    const stranger = new Batchwright({ url: system.url, key: 'bw_unknown' });
    await assert.rejects(stranger.batches.createFrom(endless()), AuthenticationError);
    await waitFor(async () => ended, { what: 'the end of the source' });
  });

  test('a wrong job of an upload is named by its line', async () => {
    const source = [job(1), { ...job(2), action: 'nope' }];
    await assert.rejects(direct.batches.createFrom(source), { name: 'BadRequestError', message: /line 2/ });
  });

  test('an upload is repeated from a function under one key, but a generator is read once', async (t) => {
    const matches = /^POST \/v1\/batches/;
    const { client, proxy } = await behind(t, [
      { matches, cutAfter: 0 },
      { matches, refuse: true },
    ]);
    const countBefore = await batchCount();
    function* made() {
      yield* jobs(10);
    }
    const batch = await client.batches.createFrom(made);
    assert.equal(batch.counts.total, 10);
    assert.equal(await batchCount(), countBefore + 1);
    assert.equal(new Set(proxy.requests.map(({ key }) => key)).size, 1);

    proxy.faults.push({ matches, refuse: true });
    const sent = proxy.requests.length;
    await assert.rejects(client.batches.createFrom(made()), ConnectionError);
    assert.equal(proxy.requests.length, sent + 1);
  });

  test('an error of the source ends the upload, and nothing is stored', async () => {
    const countBefore = await batchCount();
    const own = new Error('the file cannot be read');
    async function* failing() {
      yield job(1);
      throw own;
    }
    await assert.rejects(direct.batches.createFrom(failing()), own);
    assert.equal(await batchCount(), countBefore);
  });

  test('a CSV file is a text, a Blob, pieces or a function that opens it, and is checked like it is stored', async () => {
    const settings = { action: 'test.echo', map: { Number: 'n', Note: '' }, set: { label: 'x' } };
    const text = 'Number;Note\n1;a\n2;b\n';
    async function* pieces() {
      yield 'Number;No';
      yield new TextEncoder().encode('te\n1;a\n2;b\n');
    }
    for (const source of [text, new Blob([text]), pieces(), pieces]) {
      const { asyncId, counts } = await direct.batches.createFromCsv(source, settings);
      assert.equal(counts.total, 2);
      await direct.batches.wait(asyncId);
      const requests: unknown[] = [];
      for await (const { request } of direct.batches.results(asyncId)) requests.push(request);
      assert.deepEqual(requests, [
        { n: 1, label: 'x' },
        { n: 2, label: 'x' },
      ]);
    }
    assert.deepEqual(await direct.batches.validateCsv(text, settings), { valid: true, total: 2, invalid: 0 });
    await assert.rejects(direct.batches.validateCsv('n\nx\n', { action: 'test.echo' }), {
      messages: ['line 2: params.n must be integer'],
    });
    const latin = Buffer.from('n,label\n1,\xe9\n', 'latin1');
    const latinBatch = await direct.batches.createFromCsv(latin, { action: 'test.echo', charset: 'latin1' });
    assert.equal(latinBatch.counts.total, 1);
  });

  test('a CSV file is sent again after a broken connection, under one key', async (t) => {
    const { client, proxy } = await behind(t, [{ matches: /^POST \/v1\/batches/, cutAfter: 0 }]);
    const countBefore = await batchCount();
    const { counts } = await client.batches.createFromCsv('n\n1\n', { action: 'test.echo' });
    assert.equal(counts.total, 1);
    assert.equal(await batchCount(), countBefore + 1);
    assert.equal(new Set(proxy.requests.map(({ key }) => key)).size, 1);
  });
});
