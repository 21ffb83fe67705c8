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
import { type ActionRun, jobContext } from '../../support/action-context.ts';
import { testSchema } from '../../support/schema-table.ts';

testSchema(params, {
  base: { method: 'GET', url: 'https://example.com/', headers: {}, body: '' },
  required: ['method', 'url'],
  members: {
    method: {
      good: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'],
      bad: ['get', 'CONNECT', 'TRACE', '', 'GET / HTTP/1.1\r\n', null, 1],
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
  },
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

async function send(params: HttpRequest, run: ActionRun = {}): Promise<unknown> {
  const noSql = { query: () => Promise.reject(new Error('no database here')) };
  return request.run?.(params, jobContext(noSql as never, { services: { http }, ...run }));
}

test('a request is sent as given, and its answer is the response', async (t) => {
  const { url, received } = await serve(t, (response) => {
    response.writeHead(201, { 'content-type': 'text/plain', 'x-made': 'yes' }).end('made ✓');
  });
  const answer = (await send({
    method: 'PUT',
    url: `${url}/orders/7?a=b`,
    headers: { 'Content-Type': 'application/json' },
    body: '{"n":1}',
  })) as { status: number; headers: Record<string, string>; body: string };
  assert.deepEqual([answer.status, answer.headers['x-made'], answer.body], [201, 'yes', 'made ✓']);
  assert.equal(received[0]?.method, 'PUT');
  assert.equal(received[0]?.url, '/orders/7?a=b');
  assert.equal(received[0]?.headers['content-type'], 'application/json');
  assert.equal(received[0]?.body, '{"n":1}');
});

for (const method of ['POST', 'PATCH'] as const) {
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

test('an idempotency key that the caller sets is kept', async (t) => {
  const { url, received } = await serve(t, (response) => response.end());
  await send({ method: 'POST', url, headers: { 'IDEMPOTENCY-key': 'mine' } });
  assert.equal(received[0]?.headers['idempotency-key'], 'mine');
});

for (const status of [204, 302, 404]) {
  test(`an answer of ${status} is a response`, async (t) => {
    const { url } = await serve(t, (response) => response.writeHead(status, { location: '/x' }).end());
    assert.equal(((await send({ method: 'GET', url })) as { status: number }).status, status);
  });
}

test('an answer of 503 with Retry-After causes another run, not before that delay', async (t) => {
  const { url } = await serve(t, (response) => response.writeHead(503, { 'retry-after': '120' }).end());
  await assert.rejects(send({ method: 'GET', url }), (error: unknown) => {
    assert.ok(error instanceof RetryLaterError);
    assert.equal(error.delaySeconds, 120);
    return true;
  });
});

test('a host that is not allowed fails the job for good', async () => {
  await assert.rejects(send({ method: 'GET', url: 'http://192.0.2.1/' }), NonRetryableError);
});

test('an aborted run ends the request', async (t) => {
  const abort = new AbortController();
  const { url } = await serve(t, () => abort.abort());
  await assert.rejects(send({ method: 'GET', url }, { signal: abort.signal }));
});
