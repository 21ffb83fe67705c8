/** HTTP routes of plugins, with the fixture `rpc` and the invitation links of `event`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import express, { type Request, type RequestHandler } from 'express';
import { StartError } from '../../../src/domain/start-error.ts';
import { setCaller } from '../../../src/http/auth/callers.ts';
import { createFailedAuthentication } from '../../../src/http/auth/failed-authentication.ts';
import { mountPluginRoutes } from '../../../src/http/plugin-routes/plugin-routes.ts';
import type { PluginPipeline } from '../../../src/pipeline/call/plugin-pipeline.ts';
import type { Sql } from '../../../src/plugin/context.ts';
import type { Routes, RouteTools } from '../../../src/plugin/routes.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { ENDLESS } from '../../support/endless.ts';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { storedRows } from '../stored-rows.ts';

const MAX_BODY_BYTES = 100_000;
const system = await startSystem({ after }, { env: { MAX_BODY_BYTES: String(MAX_BODY_BYTES) } });

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  system.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
const echo = (n: number) => ({ namespace: 'test', action: 'echo', params: { n } });

async function keyOf(permissions: string[], tenant: string): Promise<Record<string, string>> {
  const { body } = await post('/v1/keys', { name: 'routes', permissions, tenant });
  return { authorization: `Bearer ${body.key}` };
}

describe('A route', () => {
  test('a route submits an ordinary batch for its caller', async () => {
    const tenant = await keyOf(['test.*'], 'routes');
    const { status, body } = await post('/rpc-fixture/batches', { jobs: [echo(1), echo(2)] }, tenant);
    assert.equal(status, 202);
    assert.deepEqual(Object.keys(body), ['asyncId']);
    const { asyncId } = body;
    assert.equal((await system.rpc('progress', { async: asyncId })).status, 404, 'to another tenant');
    await waitFor(
      async () => (await system.rpc('progress', { async: asyncId }, tenant)).body.state === 'completed',
      { what: 'the batch to end' },
    );

    const read = await system.request(`/rpc-fixture/batches/${asyncId}`, { headers: tenant });
    assert.equal(read.body.state, 'completed');
    assert.deepEqual(read.body.counts, {
      total: 2,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 2,
      failed: 0,
      cancelled: 0,
      skipped: 0,
    });
    const results = await system.request(`/rpc-fixture/batches/${asyncId}/results`, { headers: tenant });
    assert.deepEqual(
      results.body.map(({ index, response }: { index: number; response: unknown }) => [index, response]),
      [
        [0, { n: 1 }],
        [1, { n: 2 }],
      ],
    );
    assert.equal((await system.request(`/rpc-fixture/batches/${asyncId}`)).body, null);
    const theirs = await system.request(`/rpc-fixture/batches/${asyncId}/results`);
    assert.equal(theirs.status, 404);
    assert.equal(theirs.body.specificCode, 24115);
  });

  test('a route gets the error for a batch that run would refuse, and passes it on', async () => {
    const rows = await storedRows(system.pool);
    for (const [batch, status, specificCode] of [
      [{ jobs: [echo(1), { ...echo(1), params: { n: 'x' } }] }, 400, 24092],
      [{ jobs: [] }, 400, 24093],
      [{ jobs: [undefined] }, 400, 24092],
      [{ jobs: [echo(1)], callbackUrl: 'http://10.0.0.1/' }, 400, 24092],
      [{ jobs: [echo(1)], callbackURL: 'http://127.0.0.1/' }, 400, 24092],
      [{ jobs: [echo(1)], options: { skipInvalids: true } }, 400, 24092],
      [{ jobs: [echo(1)], callbackHeaders: { 'webhook-id': 'mine' } }, 400, undefined],
      [{ jobs: [echo(1)], callbackHeaders: { 'x y': 'blank' } }, 400, undefined],
      [{ jobs: [echo(1)], callbackHeaders: { 'x-long': 'x'.repeat(9000) } }, 400, undefined],
      [{ jobs: [echo(1)], metadata: {} }, 400, 24092],
    ] as const) {
      const answer = await post('/rpc-fixture/batches', batch);
      assert.equal(answer.status, status);
      assert.equal(answer.body.specificCode, specificCode);
    }
    assert.deepEqual(await storedRows(system.pool), rows);
  });

  test('a route that parses an invalid JSON body answers 400 without code for it', async () => {
    for (const [path, body] of [
      ['/rpc-fixture/batches', 'not json'],
      ['/rpc-fixture/batches', ''],
      ['/rpc-fixture/batches', '{"jobs":[}'],
      ['/rpc-fixture/calls/test.echo', '{"n":01}'],
    ] as const) {
      const { status, body: error } = await system.request(path, { method: 'POST', body });
      assert.equal(status, 400, body);
      assert.equal(error.errorCode, 400);
      assert.match(error.message, /^The body is not valid JSON: /);
    }
  });

  for (const [framing, length] of [
    ['with a Content-Length', String(MAX_BODY_BYTES + 2)],
    ['in chunks', undefined],
  ] as const)
    test(`a route gets no body larger than MAX_BODY_BYTES (${framing})`, async () => {
      const request = http.request(`${system.url}/rpc-fixture/batches`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, ...(length && { 'content-length': length }) },
      });
      request.on('error', () => {});
      // In two pieces: Node would announce the length of a single one.
      request.write('"');
      request.end(`${'x'.repeat(MAX_BODY_BYTES)}"`);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      assert.equal(response.statusCode, 413);
      assert.match(await text(response), /more than 100000 bytes/);
    });

  test('a route calls any action and gets its response', async () => {
    const { status, body } = await post('/rpc-fixture/calls/test.echo', { n: 7 });
    assert.equal(status, 200);
    assert.deepEqual(body, { n: 7 });
    const invalid = await post('/rpc-fixture/calls/rpc.strict', { id: 'x', name: 'a' });
    assert.deepEqual(invalid.body, {
      errorCode: 400,
      message: "'id' does not validate",
      specificCode: 23016,
      additionalMessages: ['params.id must be integer'],
    });
  });

  test('a route can call an action only by its two-part name', async () => {
    for (const name of ['test.echo.more', 'test', '.echo', 'test.']) {
      const { status, body } = await post(`/rpc-fixture/calls/${name}`, {});
      assert.equal(status, 400, name);
      assert.match(
        String(body.additionalMessages?.[0] ?? body.message),
        /there is no action|must not be empty/,
        name,
      );
    }
  });

  test('a route that passes on the error of a failed action answers like the action itself', async () => {
    const refused = { errorCode: 422, message: 'nobody to greet', additionalMessages: ['said the action'] };
    const { status, body, headers } = await post('/rpc-fixture/calls/rpc.refuse', refused);
    assert.equal(status, 422);
    assert.equal(headers.get('link'), '</docs/errors/job-failed>; rel="help"');
    assert.deepEqual(body, refused);
    const plain = await post('/rpc-fixture/calls/rpc.refuse', { message: 'nobody' });
    assert.deepEqual([plain.status, plain.body], [461, { errorCode: 461, message: 'nobody' }]);
  });

  test('a route that throws a ThrottledError answers 429 with Retry-After', async () => {
    const { status, body, headers } = await system.request('/rpc-fixture/throttled');
    assert.deepEqual([status, body], [429, { errorCode: 429, message: 'slow down' }]);
    assert.equal(headers.get('retry-after'), '30');
    assert.equal(headers.get('link'), '</docs/errors/job-failed>; rel="help"');
  });

  test('a route reads the database, and cannot change it', async () => {
    const sql = (text: string, values?: unknown[]) => post('/rpc-fixture/sql', { text, values });
    const { status, body } = await sql('select $1::text as name, 7::bigint as n', ['Zoë']);
    assert.deepEqual([status, body], [200, { rows: [{ name: 'Zoë', n: 7 }], rowCount: 1 }]);
    for (const change of [
      "insert into test.gate values ('by a route')",
      'delete from batchwright.batch',
      'create table test.more (n integer)',
      "commit; insert into test.gate values ('by a route')",
    ])
      assert.equal((await sql(change)).status, 500, change);
    const { rowCount } = await system.pool.query("select from test.gate where name = 'by a route'");
    assert.equal(rowCount, 0);
  });

  test('statements of a route leave nothing on the session for the next ones', async () => {
    const sql = (text: string) => post('/rpc-fixture/sql', { text });
    assert.equal(
      (await sql("select set_config('work_mem', '77MB', false), pg_advisory_lock(4711)")).status,
      200,
    );
    assert.equal((await sql('select pg_advisory_lock(4711), 1 / 0')).status, 500);
    const tells = `select count(*) as locks, current_setting('work_mem') as mem
      from pg_locks where locktype = 'advisory' and objid = 4711`;
    const [{ locks, mem }] = (await sql(tells)).body.rows;
    assert.deepEqual([locks, mem === '77MB'], [0, false]);
  });

  test('statements of routes may take 5 s, four at once, and delay nothing else', async () => {
    const slow = Array.from({ length: 6 }, () =>
      post('/rpc-fixture/sql', { text: ENDLESS }).then(({ status, headers, body }) => {
        assert.equal(status, 503);
        assert.match(body.message, /took more than 5 s/);
        assert.ok(Number(headers.get('retry-after')) > 0);
      }),
    );
    await waitFor(async () => (await routeStatements()) === 4, { what: 'four of them to run' });
    assert.equal((await post('/rpc-fixture/calls/test.echo', { n: 1 })).status, 200);
    await Promise.all(slow);
  });

  test('a route may do no more than the key of the request', async () => {
    const limited = await keyOf(['test.echo'], 'limited');
    assert.equal((await post('/rpc-fixture/calls/test.echo', {}, limited)).status, 200);
    const called = await post('/rpc-fixture/calls/rpc.strict', { id: 1, name: 'a' }, limited);
    assert.equal(called.status, 403);
    const jobs = [echo(1), { namespace: 'rpc', action: 'special', params: {} }];
    const submitted = await post('/rpc-fixture/batches', { jobs }, limited);
    assert.equal(submitted.status, 403);
    assert.deepEqual(submitted.body.additionalMessages, ['the key lacks rpc.restricted']);
  });

  test('the usual keys protect the prefix of a plugin, even where it has no route', async () => {
    for (const path of ['/rpc-fixture/broken', '/rpc-fixture/nothing', '/rpc-fixture']) {
      const { status, body } = await system.request(path, { headers: { authorization: 'Bearer nobody' } });
      assert.equal(status, 401);
      assert.equal(body.errorCode, 401);
    }
    const missing = await system.request('/rpc-fixture/nothing');
    assert.equal(missing.status, 404);
    assert.equal(missing.body.errorCode, 404);
  });

  test('a route that throws answers 500 without details', async () => {
    const { status, body } = await system.request('/rpc-fixture/broken');
    assert.equal(status, 500);
    assert.deepEqual(body, { errorCode: 500, message: 'Internal error' });
    await assert.rejects(system.request('/rpc-fixture/broken/later'), 'half an answer is cut off');
    assert.equal((await system.request('/healthz')).status, 200);
  });
});

/** Running statements of routes. */
async function routeStatements(): Promise<number> {
  const { rowCount } = await system.pool.query(
    `select from pg_stat_activity
     where datname = current_database() and application_name = 'batchwright routes' and state = 'active'`,
  );
  return rowCount ?? 0;
}

describe('routes that authenticate themselves', () => {
  test('routes that authenticate themselves need no key, and answer unknown callers with 401', async () => {
    const token = '0'.repeat(32);
    const known = await fetch(`${system.url}/event/invitations/default/${token}/yes`);
    assert.equal(known.status, 404);
    assert.match(known.headers.get('content-type') ?? '', /^text\/html/);
    for (const path of ['/event', '/event/nothing', '/event/invitations/%ff/0/yes']) {
      const unknown = await fetch(`${system.url}${path}`);
      assert.equal(unknown.status, 401, path);
      assert.deepEqual(await unknown.json(), { errorCode: 401, message: 'Missing or wrong API key' });
    }
  });
});

describe('the return values of tools', () => {
  for (const [tool, message] of [
    ['results', 'results() is read with for await, or as a whole with await Array.fromAsync(results(…))'],
    ['submit', 'submit() is a promise: await it'],
    ['batch', 'batch() is a promise: await it'],
    ['call', 'call() is a promise: await it'],
  ] as const)
    test(`the return value of ${tool} cannot be sent as JSON before it is read, and the error says what to do`, async () => {
      const pipeline = {
        async *results() {},
        submit: async () => {},
        batch: async () => {},
        call: async () => {},
      };
      const request = {} as Request;
      setCaller(request, { tenant: 'default', keyId: 'admin', permissions: ['*'] });
      let tools = {} as RouteTools;
      await mount(pipeline as unknown as PluginPipeline, {
        prefix: '/misuse',
        routes: (_router, given) => {
          tools = given;
        },
      });
      const value = (tools[tool] as (request: Request, ...more: unknown[]) => unknown)(request, '', {});
      assert.throws(() => JSON.stringify({ value }), { constructor: TypeError, message });
    });
});

const pass: RequestHandler = (_request, _response, next) => next();

/** On a separate application. */
function mount(pipeline: PluginPipeline, ...routes: Routes[]): Promise<void> {
  return mountPluginRoutes(express(), {
    routes: routes.map((given, position) => ({
      namespace: `plugin${position}`,
      place: `jobs/plugin${position}/routes.ts`,
      routes: given,
    })),
    pipeline,
    sqlOf: () => ({}) as Sql,
    bounded: [],
    log: { ...silentPluginLog, child: () => silentPluginLog },
    keyed: [pass],
    limitRate: { byAddress: pass, byKey: pass },
    keys: { authenticate: async () => null, isValid: async () => false },
    keyUse: { note: () => {}, stop: async () => {} },
    endedKeys: { watch: pass },
    bodyLimits: { maxBodyBytes: MAX_BODY_BYTES, maxJobBytes: MAX_BODY_BYTES },
    failed: createFailedAuthentication(),
  });
}

describe('A prefix', () => {
  const mountAll = (...prefixes: string[]) =>
    mount({} as PluginPipeline, ...prefixes.map((prefix) => ({ prefix, routes: () => undefined })));

  for (const prefix of [
    '/batch',
    '/api',
    '/api/1.0/plugin',
    '/v1',
    '/v1/keys',
    '/healthz',
    '/docs',
    '/Batch',
  ])
    test(`the prefix ${prefix} is taken, and the error names the plugin that wants it`, () =>
      assert.rejects(mountAll('/fine', prefix), {
        constructor: StartError,
        message: `jobs/plugin1/routes.ts: the prefix ${prefix} is taken, by Batchwright itself`,
      }));

  test('a prefix belongs to one plugin', async () => {
    for (const prefix of ['/fine', '/Fine'])
      await assert.rejects(mountAll('/fine', prefix), {
        message: `jobs/plugin1/routes.ts: the prefix ${prefix} is taken, by jobs/plugin0/routes.ts`,
      });
    await mountAll('/fine', '/finer', '/batches', '/apis');
  });
});
