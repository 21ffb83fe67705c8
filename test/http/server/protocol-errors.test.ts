/**
 * Input that is not valid HTTP, or breaks off: each error is answered in its turn and in the usual form. On
 * bare sockets.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { settled } from '../../support/settled.ts';
import { startSystem } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';
import { echo, echoes, gated, openGate, storedJobs } from '../v1/support.ts';
import { answersIn, type RawAnswer, rawRequest, sendRaw } from './raw-socket.ts';

const system = await startSystem({ after });
const { url, pool } = system;
const HOST = 'Host: test\r\n';
const run = (n = 1) => rawRequest('POST', '/batch?action=run', { body: JSON.stringify({ jobs: [echo(n)] }) });
const health = rawRequest('GET', '/healthz');

/** Asserts the contract's error form on a connection that ends with it. */
function assertError({ status, headers, body }: RawAnswer, expected: number, message: RegExp): void {
  assert.equal(status, expected, body);
  assert.match(headers['content-type'] ?? '', /^application\/json/);
  assert.equal(headers.connection, 'close');
  const error = JSON.parse(body);
  assert.equal(error.errorCode, expected);
  assert.match(error.message, message);
}

describe('input that is not an HTTP request', () => {
  const x = (count: number) => 'x'.repeat(count);
  for (const [what, sent, status, message] of [
    ['garbage', 'GARBAGE', 400, /not valid HTTP: Invalid method/],
    ['the first bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00', 400, /not valid HTTP/],
    ['an unknown method', `BREW / HTTP/1.1\r\n${HOST}\r\n`, 400, /Invalid method/],
    ['a header name with a blank', `GET / HTTP/1.1\r\n${HOST}A b: c\r\n\r\n`, 400, /header/],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: test\n\n', 400, /CRLF/],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, /Host header is missing/],
    ['two Hosts', `GET /healthz HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400, /more than one Host/],
    [
      'no number as Content-Length',
      `POST / HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n`,
      400,
      /Content-Length/,
    ],
    [
      'two Content-Lengths',
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      400,
      /Content-Length/,
    ],
    [
      'a Content-Length and a Transfer-Encoding',
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      /Transfer-Encoding/,
    ],
    [
      'a Transfer-Encoding that is not chunked',
      `POST /batch HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n`,
      400,
      /Transfer-Encoding/,
    ],
    ['headers of 20 KB', `GET / HTTP/1.1\r\n${HOST}X: ${x(20_000)}\r\n\r\n`, 431, /16 KiB/],
    ['an address of 20 KB', `GET /${x(20_000)} HTTP/1.1\r\n${HOST}\r\n`, 431, /16 KiB/],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, /HTTP\/1\.1/],
    ['HTTP/2.0 in the request line', `GET /healthz HTTP/2.0\r\n${HOST}\r\n`, 505, /HTTP\/1\.1/],
    ['HTTP/3.0 in the request line', `GET /healthz HTTP/3.0\r\n${HOST}\r\n`, 505, /HTTP\/1\.1/],
    ['a request of HTTP/0.9', 'GET /healthz\r\n\r\n', 505, /HTTP\/1\.1/],
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`, 405, /CONNECT/],
  ] as const)
    test(`invalid input is ${status} with a JSON body (${what})`, async (t) => {
      const answers = answersIn(await sendRaw(t, url, sent).ended());
      assert.equal(answers.length, 1);
      assertError(answers[0] as RawAnswer, status, message);
    });

  test('invalid input is a problem document when the request line names an address below /v1', async (t) => {
    for (const [sent, status] of [
      [`GET /v1/batches HTTP/1.1\r\n${HOST}X: ${x(20_000)}\r\n\r\n`, 431],
      ['GET /v1/batches HTTP/1.1\r\n\r\n', 400],
      [`POST /v1/batches HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, 400],
    ] as const) {
      const [answer] = answersIn(await sendRaw(t, url, sent).ended());
      assert.equal(answer?.status, status);
      assert.match(answer?.headers['content-type'] ?? '', /^application\/problem\+json/);
      assert.equal(JSON.parse(answer?.body ?? '').status, status);
    }
  });

  test('a client of HTTP/1.0 without Host is served', async (t) => {
    const [answer] = answersIn(await sendRaw(t, url, 'GET /healthz HTTP/1.0\r\n\r\n').ended());
    assert.deepEqual([answer?.status, answer?.body], [200, '{"status":"ok"}']);
  });

  test('invalid input ends no other connection, and keeps none open', async (t) => {
    await sendRaw(t, url, 'GARBAGE').ended();
    const [answer] = answersIn(await sendRaw(t, url, health, { end: true }).ended());
    assert.equal(answer?.status, 200);
  });
});

describe('valid requests followed by garbage, in one write', () => {
  test('a valid request gets its own answer, and the garbage 400 after that', async (t) => {
    const [own, other, ...more] = answersIn(await sendRaw(t, url, `${run()}GARBAGE`).ended());
    assert.equal(own?.status, 200);
    const { asyncId } = JSON.parse(own?.body ?? '');
    assert.deepEqual(await storedJobs(pool, asyncId), [echo(1)]);
    assertError(other as RawAnswer, 400, /Invalid method/);
    assert.deepEqual(more, []);
  });

  test('a request with a slow answer, a single action, is answered before the garbage', async (t) => {
    const call = rawRequest('POST', '/api/1.0/test?action=behave', {
      body: JSON.stringify(gated('garbage').params),
    });
    const raw = sendRaw(t, url, `${call}GARBAGE\r\nand more`);
    await waitFor(async () => (await pool.query(`select from batchwright.batch`)).rowCount, {
      what: 'the batch',
    });
    assert.equal(raw.received(), '');
    await openGate(pool, 'garbage');
    const [own, other] = answersIn(await raw.ended());
    assert.equal(own?.status, 200);
    assertError(other as RawAnswer, 400, /Invalid method/);
  });

  test('all pipelined requests are answered before the garbage, in their order', async (t) => {
    const requests = [run(1), health, rawRequest('GET', '/v1/nothing'), run(2)];
    const answers = answersIn(await sendRaw(t, url, `${requests.join('')}GARBAGE`).ended());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 404, 200, 400],
    );
    assert.equal(answers[1]?.body, '{"status":"ok"}');
  });

  test('only the request is answered when it asks to close the connection', async (t) => {
    const last = rawRequest('GET', '/healthz', { headers: { Connection: 'close' } });
    const answers = answersIn(await sendRaw(t, url, `${last}GARBAGE`).ended());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200],
    );
  });

  test('a request is answered before too large headers, or a missing Host, in the next one', async (t) => {
    for (const [behind, status] of [
      [`GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ['GET /healthz HTTP/1.1\r\n\r\n', 400],
    ] as const) {
      const answers = answersIn(await sendRaw(t, url, `${health}${behind}`).ended());
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [200, status],
      );
    }
  });
});

describe('bodies that break off', () => {
  const head = `POST /v1/batches HTTP/1.1\r\n${HOST}Authorization: Bearer the-admin-key-of-the-tests\r\n`;
  const chunked = `${head}Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  const lines = (count: number) =>
    echoes(count)
      .map((job) => `${JSON.stringify(job)}\n`)
      .join('');

  /** Batches and chunks; earlier jobs may still write results. */
  async function stored(): Promise<string> {
    const { rows } = await pool.query(
      'select (select count(*) from batchwright.batch) as batches, (select count(*) from batchwright.chunk) as chunks',
    );
    return JSON.stringify(rows);
  }

  for (const [what, sent, status] of [
    ['in a chunk whose size is not a number', `${chunked}${chunk(lines(3))}zz\r\n`, 400],
    ['in such a chunk, after a chunk of jobs was read', `${chunked}${chunk(lines(1500))}zz\r\n`, 400],
    ['in chunk extensions of 20 KB', `${chunked}1;${'x'.repeat(20_000)}\r\n`, 413],
    ['in trailers of 20 KB', `${chunked}${chunk(lines(3))}0\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const)
    test(`a body that breaks off is ${status}, and nothing is stored (${what})`, async (t) => {
      // Data of earlier requests may still be being removed.
      const before = await settled(stored, { forMs: 100, what: 'the rows of the requests before' });
      const [answer, ...more] = answersIn(await sendRaw(t, url, sent).ended());
      assert.equal(answer?.status, status, answer?.body);
      assert.match(answer?.headers['content-type'] ?? '', /^application\/problem\+json/);
      assert.equal(answer?.headers.connection, 'close');
      assert.deepEqual(more, []);
      assert.equal(await settled(stored, { forMs: 100, what: 'the rows' }), before);
    });

  for (const [what, sent] of [
    ['Content-Length', `${head}Content-Length: 1000\r\n\r\n{"jobs":[`],
    ['chunks', `${chunked}${chunk(lines(3))}`],
    ['headers', head],
  ] as const)
    test(`a request is 400 when the client ends its side too early (${what})`, async (t) => {
      const [answer] = answersIn(await sendRaw(t, url, sent, { end: true }).ended());
      assert.equal(answer?.status, 400);
      assert.match(answer?.headers['content-type'] ?? '', /^application\/(problem\+)?json/);
    });

  test('a body that breaks off does not destroy an earlier answer', async (t) => {
    const answers = answersIn(await sendRaw(t, url, `${run()}${chunked}zz\r\n`).ended());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 400],
    );
  });
});

describe('clients that end their side after their request', () => {
  test('a client that ends its side gets its answer, and the connection ends', async (t) => {
    for (const [request, status] of [
      [health, 200],
      [run(), 200],
      [rawRequest('GET', '/v1/batches'), 200],
      [rawRequest('GET', '/v1/nothing'), 404],
    ] as const) {
      const answers = answersIn(await sendRaw(t, url, request, { end: true }).ended());
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [status],
      );
    }
  });

  test('a client that ends its side gets the response of a single action', async (t) => {
    const body = JSON.stringify(gated('half').params);
    const call = rawRequest('POST', '/api/1.0/test?action=behave', { body });
    const raw = sendRaw(t, url, call, { end: true });
    await waitFor(async () => (await pool.query(`select from test.effect where name = 'half'`)).rowCount, {
      what: 'the run',
    });
    await openGate(pool, 'half');
    const [answer] = answersIn(await raw.ended());
    assert.equal(answer?.status, 200, answer?.body);
  });

  test('a client that ends its side gets the answers of all its pipelined requests', async (t) => {
    const requests = [run(1), health, run(2)].join('');
    const answers = answersIn(await sendRaw(t, url, requests, { end: true }).ended());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
  });

  test('a client that ends its side gets all results of a large batch', async (t) => {
    const asyncId = await system.run(echoes(5000));
    await system.ended(asyncId);
    const get = rawRequest('GET', `/v1/batches/${asyncId}/results`, {
      headers: { Accept: 'application/x-ndjson' },
    });
    const [answer] = answersIn(await sendRaw(t, url, get, { end: true }).ended());
    assert.equal(answer?.body.trimEnd().split('\n').length, 5000);
  });

  test('a client that ends its side gets events to the last one', async (t) => {
    const asyncId = await system.run([gated('events')]);
    const get = rawRequest('GET', `/v1/batches/${asyncId}/events`);
    const raw = sendRaw(t, url, get, { end: true });
    await raw.until(/event: progress/);
    await openGate(pool, 'events');
    assert.match(await raw.ended(), /event: finished/);
  });
});
