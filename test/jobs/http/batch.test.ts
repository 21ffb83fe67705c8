/** `http.request` in batches, against an API that fails in several ways. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../../support/system.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** By path; `count` is the number of requests for this path so far. */
const handlers: Record<string, Handler> = {
  '/good': (_request, response) => response.end('{"id":1234567890123456789}'),
  '/missing': (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] });
    response.end('no such\0order ü');
  },
  '/busy': (_request, response) => response.writeHead(503).end('later'),
  '/full': (_request, response, count) =>
    count === 1 ? response.writeHead(429, { 'retry-after': '1' }).end() : response.end('room'),
  '/closed': (_request, response) => response.writeHead(503, { 'retry-after': '3601' }).end(),
  '/second': (_request, response, count) => response.writeHead(count === 1 ? 500 : 201).end('made'),
  '/cut': (request) => request.socket.resetAndDestroy(),
};

const received: { path: string; key: string | string[] | undefined }[] = [];
const api = createServer((request, response) => {
  const path = request.url ?? '';
  received.push({ path, key: request.headers['idempotency-key'] });
  handlers[path]?.(request, response, received.filter((one) => one.path === path).length);
}).listen(0, '127.0.0.1');
await once(api, 'listening');
const API = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;

const system = await startSystem({ after }, { env: { HTTP_ALLOW: '127.0.0.1' } });
after(() => {
  api.close();
  api.closeAllConnections();
});

function callOf(path: string, params: object = {}) {
  return { namespace: 'http', action: 'request', params: { url: API + path, ...params } };
}

test('the calls of a batch succeed, fail with the answer, or are tried again, each by its own answer', async () => {
  const asyncId = await system.run([
    callOf('/good', { as: 'json' }),
    callOf('/missing'),
    callOf('/busy', { attempts: 1 }),
    callOf('/second', { json: {} }),
    callOf('/cut', { attempts: 1 }),
    callOf('/full', { attempts: 1 }),
    callOf('/closed'),
  ]);
  const { counts } = await system.ended(asyncId);
  assert.deepEqual([counts.succeeded, counts.failed], [3, 4]);
  const [good, missing, busy, second, cut, full, closed] = await system.results(asyncId);
  assert.equal(good.response.status, 200);
  const asText = await fetch(`${system.url}/v1/batches/${asyncId}/results`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  assert.match(await asText.text(), /"json":\{"id":1234567890123456789\}/);
  const { headers, ...answer } = missing.response.details;
  assert.deepEqual(
    [missing.response.errorCode, missing.response.message, missing.attempts, answer],
    [404, '127.0.0.1 answered 404', 1, { status: 404, body: 'no such\0order ü' }],
  );
  assert.deepEqual([headers['content-type'], headers['set-cookie']], ['text/plain', ['a=1', 'b=2']]);
  assert.deepEqual([busy.response.errorCode, busy.attempts, busy.response.details.body], [503, 1, 'later']);
  assert.deepEqual([second.response.status, second.response.body, second.attempts], [201, 'made', 2]);
  const keys = received.filter(({ path }) => path === '/second').map(({ key }) => key);
  assert.deepEqual(keys, [`${asyncId}-3`, `${asyncId}-3`]);
  assert.deepEqual(cut.response, {
    errorCode: 502,
    message: '127.0.0.1: the receiver closed the connection without a whole answer',
  });
  assert.deepEqual([full.response.body, full.attempts], ['room', 1]);
  assert.deepEqual([closed.response.errorCode, closed.response.details.status], [429, 503]);
});

test('a call alone that fails has the status of the answer', async () => {
  const { status, body } = await system.request('/api/1.0/http?action=request', {
    method: 'POST',
    body: JSON.stringify({ url: `${API}/missing` }),
  });
  assert.deepEqual([status, body.errorCode, body.details.status], [404, 404, 404]);
});

test('a call with both body and json is refused before it is stored', async () => {
  const { status, body } = await system.rpc('run', { jobs: [callOf('/good', { body: '1', json: 1 })] });
  assert.deepEqual(
    [status, body.additionalMessages],
    [400, ['jobs[0].params.body is not allowed together with json']],
  );
});
