import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type HttpRequest, params } from '#schemas/http/request.ts';
import request from '../../../jobs/http/request.ts';
import { parseAllowList } from '../../../src/outbound/allow-list.ts';
import { createHttpService } from '../../../src/outbound/http-service.ts';
import { NonRetryableError, RetryLaterError } from '../../../src/plugin/errors.ts';
import { checkParams, createCompiler } from '../../../src/validation/check-params.ts';
import { type ActionRun, jobContext } from '../../support/action-context.ts';
import { testSchema } from '../../support/schema-table.ts';

const validate = createCompiler()(params);

testSchema(params, {
  base: { method: 'POST', url: 'https://example.com/', headers: {}, body: '' },
  required: ['url'],
  members: {
    method: {
      good: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'get', 'pOsT'],
      bad: ['CONNECT', 'TRACE', '', 'GETT', 'GET / HTTP/1.1\r\n', null, 1],
    },
    url: {
      good: ['http://a', 'https://example.com:8443/a?b=c'],
      bad: [
        '',
        'example.com',
        'ftp://example.com',
        'https://example.com/\ud800',
        'https://example.com/a\tb',
        'file:///etc/passwd',
        `https://${'x'.repeat(8192)}`,
        null,
      ],
    },
    query: {
      good: [{}, { a: 'b', c: 1, d: 1.5, e: true, f: ['g', 2, false], h: [], ü: 'ü\n' }],
      bad: [
        null,
        [],
        'a=b',
        { a: null },
        { a: {} },
        { a: [[]] },
        { a: [null] },
        { a: '\ud800' },
        { '\ud800': 1 },
      ],
    },
    headers: {
      good: [{ Accept: '*/*' }, { 'X-Latin': 'é', 'x-empty': '' }],
      bad: [
        null,
        [],
        { 'a b': 'c' },
        { 'a:': 'c' },
        { '': 'c' },
        { a: 'b\r\nc: d' },
        { a: 'b\u0000' },
        { a: '😀' },
        { a: 1 },
      ],
    },
    body: { good: ['', '{"a":"😀"}', '\u0000'], bad: [null, {}, 1, '\ud800', '\udfff'] },
    as: { good: ['json', 'text'], bad: ['JSON', 'xml', null] },
    expect: {
      good: [['2xx'], [404], ['404', '5xx', 200]],
      bad: [[], '2xx', 404, null, ['xx'], ['6xx'], ['2XX'], ['20'], [99], [600], [200.5], [null]],
    },
    timeoutSeconds: { good: [0.1, 1, 60], bad: [0, -1, 60.1, 61, '5', null] },
    attempts: { good: [1, 6, 20], bad: [0, 21, 1.5, '3', null] },
  },
});

test('any JSON may be the body, but not beside a text', () => {
  const check = (given: object) => checkParams(validate, { url: 'https://example.com/', ...given });
  for (const json of [null, 1, 'text', [], {}, { a: [{}] }]) assert.equal(check({ json }), null);
  assert.deepEqual(check({ json: 1, body: '1' })?.messages, [
    'params.body is not allowed together with json',
  ]);
});

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

async function serve(t: TestContext, answer: (response: ServerResponse) => void) {
  const received: Received[] = [];
  const server = createServer((incoming, response) => {
    const { method, url, headers } = incoming;
    void text(incoming).then((body) => {
      received.push({ method, url, headers, body });
      answer(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const http = createHttpService({ allow: parseAllowList('127.0.0.1/32') });

interface Answer {
  status: number;
  headers: Record<string, string | string[]>;
  body?: string;
  json?: unknown;
}

async function send(params: HttpRequest, run: ActionRun = {}): Promise<Answer> {
  const noSql = { query: () => Promise.reject(new Error('no database here')) };
  const context = jobContext(noSql as never, { services: { http }, ...run });
  return request.run?.(params, context) as Promise<Answer>;
}

test('a request is sent as given, and its answer is the response', async (t) => {
  const { url, received } = await serve(t, (response) => {
    response.writeHead(201, { 'content-type': 'text/plain', 'x-made': 'yes' }).end('made ✓');
  });
  const answer = await send({
    method: 'put',
    url: `${url}/orders/7?a=b`,
    query: { c: 'd' },
    headers: { 'Content-Type': 'application/json' },
    body: '{"n":1}',
  });
  assert.deepEqual([answer.status, answer.headers['x-made'], answer.body], [201, 'yes', 'made ✓']);
  assert.deepEqual(Object.keys(answer), ['status', 'headers', 'body']);
  assert.equal(received[0]?.method, 'PUT');
  assert.equal(received[0]?.url, '/orders/7?a=b&c=d');
  assert.equal(received[0]?.headers['content-type'], 'application/json');
  assert.equal(received[0]?.body, '{"n":1}');
});

test('a request without a method is GET, with a body POST', async (t) => {
  const { url, received } = await serve(t, (response) => response.end());
  await send({ url });
  await send({ url, body: '' });
  await send({ url, json: null });
  assert.deepEqual(
    received.map(({ method, body }) => [method, body]),
    [
      ['GET', ''],
      ['POST', ''],
      ['POST', 'null'],
    ],
  );
});

test('an answer as JSON has json in place of body', async (t) => {
  const { url } = await serve(t, (response) => response.end('{"id":7}'));
  const answer = await send({ url, as: 'json' });
  assert.deepEqual([answer.json, Object.keys(answer)], [{ id: 7 }, ['status', 'headers', 'json']]);
});

test('whole numbers of an answer as JSON stay as they are written', async (t) => {
  const text = '{"id":1234567890123456789,"ids":[-9007199254740993,7],"part":0.5,"s":"1234567890123456789"}';
  const { url } = await serve(t, (response) => response.end(text));
  const { json } = await send({ url, as: 'json' });
  assert.equal(JSON.stringify(json), text);
});

for (const method of ['POST', 'patch'] as const) {
  test(`${method} carries the job's idempotency key`, async (t) => {
    const { url, received } = await serve(t, (response) => response.end());
    await send({ method, url }, { idempotencyKey: 'job-7' });
    assert.equal(received[0]?.headers['idempotency-key'], 'job-7');
  });
}

for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const) {
  test(`${method} carries no idempotency key`, async (t) => {
    const { url, received } = await serve(t, (response) => response.end());
    await send({ method, url });
    assert.equal(received[0]?.headers['idempotency-key'], undefined);
  });
}

test('an answer as JSON that is nested too deeply fails the job for good', async (t) => {
  const body = `${'['.repeat(100_000)}1234567890123456789${']'.repeat(100_000)}`;
  const { url } = await serve(t, (response) => response.end(body));
  await assert.rejects(send({ url, as: 'json' }), {
    name: 'NonRetryableError',
    message: 'the body of the answer is nested too deeply',
  });
});

test('an idempotency key that the caller sets is kept', async (t) => {
  const { url, received } = await serve(t, (response) => response.end());
  await send({ method: 'POST', url, headers: { 'IDEMPOTENCY-key': 'mine' } });
  assert.equal(received[0]?.headers['idempotency-key'], 'mine');
});

test('an answer of 404 fails the job for good', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(404).end('no such order'));
  await assert.rejects(send({ url }), (error: unknown) => {
    assert.ok(error instanceof NonRetryableError);
    assert.equal(error.options.errorCode, 404);
    return true;
  });
});

test('an expected status is a response', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(302, { location: '/x' }).end());
  assert.equal((await send({ url, expect: ['2xx', 302] })).status, 302);
});

test('an answer of 502 causes another run, not before its Retry-After, until no attempt is left', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(502, { 'retry-after': '120' }).end());
  const allowed = [
    { attempts: undefined, last: 6 },
    { attempts: 1, last: 1 },
    { attempts: 20, last: 20 },
  ];
  for (const { attempts, last } of allowed) {
    const params = { url, ...(attempts === undefined ? {} : { attempts }) };
    for (let attempt = 1; attempt < last; attempt++)
      await assert.rejects(send(params, { attempt }), (error: unknown) => {
        assert.ok(error instanceof RetryLaterError);
        assert.equal(error.delaySeconds, 120);
        return true;
      });
    await assert.rejects(send(params, { attempt: last }), (error: unknown) => {
      assert.ok(error instanceof NonRetryableError);
      const { errorCode, details } = error.options;
      assert.deepEqual([error.message, errorCode], ['127.0.0.1 answered 502', 502]);
      assert.equal((details as Answer).headers['retry-after'], '120');
      return true;
    });
  }
});

test('an answer of 429 is a refusal, also in the last attempt', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(429, { 'retry-after': '3' }).end());
  await assert.rejects(send({ url, attempts: 1 }), { name: 'ThrottledError', delaySeconds: 3 });
});

test('a host that is not allowed fails the job for good', async () => {
  await assert.rejects(send({ method: 'GET', url: 'http://192.0.2.1/' }), NonRetryableError);
});

test('an aborted run ends the request', async (t) => {
  const abort = new AbortController();
  const { url } = await serve(t, () => abort.abort());
  await assert.rejects(send({ method: 'GET', url }, { signal: abort.signal }));
});
