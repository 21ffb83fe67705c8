/** Requests of Tracx Connect with random changes: each is answered, and none with a 5xx. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { connectTo, DOCUMENTED } from './connect.ts';

const REQUESTS = 300;
const AT_ONCE = 10;
const SEED = 20_261_126;

const system = await startSystem({ after }, { env: { RATE_LIMIT: '0' } });
const connect = connectTo(system);
const { id, races } = await connect.addEvent();
const participant = { ...DOCUMENTED, race_id: races[0] };
const token = await connect.sessionToken(['*']);

const REQUESTS_OF_EACH_KIND = [
  { method: 'POST', path: '/session-token', body: '' },
  { method: 'GET', path: '/events?page=1&per_page=2', body: undefined },
  { method: 'GET', path: `/races?event_id=${id}`, body: undefined },
  { method: 'POST', path: '/participant', body: JSON.stringify(participant) },
  { method: 'GET', path: `/events/${id}/participants?page=1`, body: undefined },
  {
    method: 'POST',
    path: `/events/${id}/participants`,
    body: JSON.stringify([participant, { ...participant, unique_id: '2' }]),
  },
];

/** Mulberry32: the same numbers from 0 to 1 in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let n = Math.imul(state ^ (state >>> 15), 1 | state);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomNumbers(SEED);
const below = (limit: number) => Math.floor(random() * limit);
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)] as T;

const WRONG_JSON = [
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '9007199254740993',
  '99999999999999999999999999',
  '1.0000000000000000001',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '[]',
  '{}',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{}}}',
  `${'['.repeat(600)}${']'.repeat(600)}`,
  `"${'x'.repeat(70_000)}"`,
];

/** Replaces a value, a name or a piece of a JSON text, or cuts it. */
function changedBody(body: string): string | Uint8Array {
  switch (below(7)) {
    case 0:
      return body.slice(0, below(body.length + 1));
    case 1:
      return oneOf(WRONG_JSON);
    case 2: {
      const bytes = Buffer.from(`${body} `);
      bytes[below(bytes.length)] = below(256);
      return bytes;
    }
    case 3:
      return replaced(body, /"\w+":/g, () => oneOf(['"__proto__":', '"":', '"id":', '"\\u0000":', '1:']));
    case 4:
      return `${body}${oneOf([',', ']', '}', 'x', '\ufeff', body])}`;
    default:
      return replaced(body, /(?<=:)(?:"[^"]*"|\w+)/g, () => oneOf(WRONG_JSON));
  }
}

/** The text with one of its matches replaced. */
function replaced(text: string, pattern: RegExp, value: () => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return value();
  const { index, 0: found } = oneOf(matches);
  return `${text.slice(0, index)}${value()}${text.slice(index + found.length)}`;
}

const PARTS = ['0', '-1', '1e9', '9007199254740993', '%00', '%ff', '%F0%9F%98%80', 'a%2Fb', 'a b', '*'];

function changedPath(path: string): string {
  return random() < 0.5
    ? replaced(path, /(?<=[/=])\w+/g, () => oneOf(PARTS))
    : `${path}${path.includes('?') ? '&' : '?'}${oneOf(['page', 'per_page', 'event_id', '__proto__', '%ff'])}=${oneOf(PARTS)}`;
}

function changedHeaders(): Record<string, string> {
  const [name, values] = oneOf([
    ['content-type', ['application/json; charset=utf-16', 'multipart/form-data', ';;', 'text/csv']],
    ['content-encoding', ['gzip', 'br', 'identity', 'none']],
    ['authorization', ['', 'Bearer', token.slice(0, -1), `${token}.x`, 'Basic eDp5', 'é']],
    ['accept', ['text/html', '*/*;q=0']],
    ['expect', ['100-continue']],
  ] as const);
  return { [name]: oneOf(values) };
}

interface Sent {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  token: string;
}

function randomRequest(): Sent {
  const { method, path, body } = oneOf(REQUESTS_OF_EACH_KIND);
  const request: Sent = { method, path, token, ...(body === undefined ? {} : { body }) };
  do {
    if (body !== undefined && random() < 0.7) request.body = changedBody(body);
    if (random() < 0.3) request.path = changedPath(path);
    if (random() < 0.15) request.headers = changedHeaders();
    if (random() < 0.1) request.method = oneOf(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']);
  } while (random() < 0.2);
  return request;
}

test(`${REQUESTS} requests with random changes get no 5xx, and errors in the form of Tracx`, async () => {
  const requests = Array.from({ length: REQUESTS }, randomRequest);
  const statuses = new Map<number, number>();
  const lane = async () => {
    for (let request = requests.pop(); request; request = requests.pop()) {
      const { method, path, ...rest } = request;
      // fetch takes no body with HEAD, and no expect.
      if (method === 'HEAD') delete rest.body;
      if (rest.headers) delete rest.headers.expect;
      const shown = JSON.stringify(request).slice(0, 1000);
      const { status, body } = await connect.ask(method, path, rest);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      assert.ok(status < 500, `${status} ${JSON.stringify(body)}: ${shown}`);
      if (status < 400 || method === 'HEAD') continue;
      assert.deepEqual(Object.keys(body?.data ?? {}), ['error', 'success', 'message', 'errors'], shown);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  for (const status of [200, 400, 401, 404, 405, 422])
    assert.ok(statuses.has(status), `no request was answered ${status}: ${JSON.stringify([...statuses])}`);
  assert.equal((await connect.get('/events', token)).status, 200);
});
