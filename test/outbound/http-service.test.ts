import assert from 'node:assert/strict';
import type { LookupFunction, Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAllowList } from '../../src/outbound/address-guard.ts';
import { createHttpService } from '../../src/outbound/http-service.ts';
import type { OutboundRequest, OutboundResponse } from '../../src/plugin/context.ts';
import type { ActionError } from '../../src/plugin/errors.ts';
import { FORBIDDEN_HOSTS, PUBLIC_HOSTS } from './addresses.ts';
import { startHttpServer, startTcpServer, stubLookup } from './loopback.ts';

const KIB = 1024;

function service(allow: string, lookup?: LookupFunction) {
  return createHttpService({ allow: parseAllowList(allow), ...(lookup ? { lookup } : {}) });
}

/** Connections are kept by it from one request of a test to the next. */
const toLoopback = service('127.0.0.1');

/** A request, by default GET, to a loopback server that the list names. */
function send(request: OutboundRequest) {
  return toLoopback({ timeoutSeconds: 10, ...request });
}

function forGood(message: string | RegExp) {
  return { name: 'NonRetryableError', message };
}

/** The error of a request that fails, with the answer in its details. */
async function failureOf(request: OutboundRequest) {
  const error = await send(request).then(
    () => assert.fail('the request succeeded'),
    (thrown: ActionError) => thrown,
  );
  const details = error.options.details as OutboundResponse;
  return Object.assign(error, { details, delaySeconds: 'delaySeconds' in error ? error.delaySeconds : null });
}

interface Echo {
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** Sends the beginning when a request arrives and then the same part every 20 ms. */
function trickle(socket: Socket, beginning: string, part: string): void {
  socket.once('data', () => {
    socket.write(beginning);
    const timer = setInterval(() => socket.write(part), 20);
    socket.on('close', () => clearInterval(timer));
  });
}

/** A server that may reset its first connection at the second request, and each further one at the first. */
async function startResetting(t: TestContext, resets: (connection: number) => boolean) {
  const requests: string[] = [];
  let connections = 0;
  const server = await startTcpServer(t, (socket) => {
    const connection = ++connections;
    let served = 0;
    socket.on('data', (data) => {
      requests.push(data.toString());
      served += 1;
      if (resets(connection) && (served > 1 || connection > 1)) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  return Object.assign(server, { requests });
}

function startEcho(t: TestContext) {
  return startHttpServer(t, async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, headers: request.headers, body }));
  });
}

describe('which hosts are reached', () => {
  test('no host is reached without an allow list', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    const { port } = server;
    const lookup = stubLookup(['127.0.0.1']);
    for (const host of ['127.0.0.1', 'localhost', 'example.test', ...PUBLIC_HOSTS]) {
      await assert.rejects(
        service('', lookup)({ method: 'GET', url: `http://${host}:${port}/` }),
        forGood(`${host.replace(/[[\]]/g, '')} is not among the hosts that HTTP_ALLOW names`),
      );
    }
    assert.deepEqual(lookup.asked, []);
    assert.equal(server.connections, 0);
  });

  test('a malformed URL is refused with the reason', async () => {
    for (const [url, message] of [
      ['http://256.0.0.1/', 'the host or port of the URL is not valid'],
      ['http://[::1', 'the host or port of the URL is not valid'],
      [`http://${'a.'.repeat(130)}test/`, 'the host name has more than 253 characters'],
      ['http://example..test/', 'the host name has an empty label'],
      ['ftp://example.test/', 'only http and https URLs are allowed'],
    ] as const)
      await assert.rejects(service('127.0.0.0/8')({ method: 'GET', url }), forGood(message));
  });

  test('no form of a forbidden address is reached, whatever host is allowed', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    for (const host of Object.values(FORBIDDEN_HOSTS).flat()) {
      await assert.rejects(
        service(
          'api.example.test',
          stubLookup(['127.0.0.1']),
        )({
          method: 'GET',
          url: `http://${host}:${server.port}/`,
        }),
        forGood(/ is not among the hosts that HTTP_ALLOW names$/),
        host,
      );
    }
    assert.equal(server.connections, 0);
  });

  test('an allowed address is reached, also by a name that resolves to it', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end('ok'));
    const lookup = stubLookup(['127.0.0.1']);
    const hosts: Record<string, string[]> = {
      '127.0.0.1': ['127.0.0.1', '2130706433', 'localhost', 'crm.example.test'],
      [`127.0.0.1:${server.port}`]: ['127.0.0.1'],
      '127.0.0.0/8,api.example.test': ['127.0.0.1', 'api.example.test', 'other.example.test'],
    };
    for (const [allow, named] of Object.entries(hosts)) {
      for (const host of named) {
        const url = `http://${host}:${server.port}/`;
        assert.equal((await service(allow, lookup)({ method: 'GET', url })).body, 'ok', `${allow} ${host}`);
      }
    }
  });

  test('a name in the operator’s own network is reached, wherever it resolves to', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end('ok'));
    for (const host of ['localhost', 'crm']) {
      const url = `http://${host}:${server.port}/`;
      assert.equal((await service(host, stubLookup(['127.0.0.1']))({ method: 'GET', url })).body, 'ok');
    }
  });

  test('a public name that resolves to an address that is not public is not reached', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end('ok'));
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1']]) {
      await assert.rejects(
        service(
          'api.example.test',
          stubLookup(addresses),
        )({
          method: 'GET',
          url: `http://api.example.test:${server.port}/`,
        }),
        forGood('api.example.test resolves to a loopback address'),
      );
    }
    assert.equal(server.connections, 0);
  });

  test('a name that resolves partly to addresses outside the list is not reached', async () => {
    await assert.rejects(
      service('127.0.0.1', stubLookup(['127.0.0.1', '8.8.8.8']))({ method: 'GET', url: 'http://a.test/' }),
      forGood('a.test is not among the hosts that HTTP_ALLOW names'),
    );
  });

  test('a wrong URL is not reached', async () => {
    const urls = [
      '',
      'x',
      'ftp://127.0.0.1/',
      'file:///etc/passwd',
      'http://a:b@127.0.0.1/',
      'http://api.test:22/',
    ];
    for (const url of urls) {
      await assert.rejects(service('127.0.0.1')({ method: 'GET', url }), { name: 'NonRetryableError' }, url);
    }
  });
});

describe('a request', () => {
  test('a request has the given method, headers and body', async (t) => {
    const server = await startEcho(t);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'post']) {
      const body = method === 'GET' ? {} : { body: 'grüße' };
      const headers = { 'Content-Type': 'text/plain', authorization: 'Bearer x' };
      const answer = await send({ url: server.url, method, headers, ...body });
      const echo = JSON.parse(answer.body);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal(echo.method, method.toUpperCase());
      assert.equal(echo.body, body.body ?? '');
      assert.equal(echo.headers['content-type'], 'text/plain');
      assert.equal(echo.headers.authorization, 'Bearer x');
      assert.equal(echo.headers['content-length'], method === 'GET' ? undefined : '7');
    }
  });

  test('a request may have no body, and HEAD has no answer body', async (t) => {
    const server = await startEcho(t);
    for (const method of ['POST', 'DELETE']) {
      assert.equal(JSON.parse((await send({ url: server.url, method })).body).body, '');
    }
    assert.equal((await send({ url: server.url, method: 'HEAD' })).body, '');
  });

  test('a request with a forbidden method, header or body fails for good', async (t) => {
    const server = await startEcho(t);
    for (const method of ['CONNECT', 'TRACE', 'FOO', '', 'GET /']) {
      await assert.rejects(
        send({ url: server.url, method }),
        forGood(/^the method must be one of GET, HEAD/),
      );
    }
    const refused = ['Host', 'content-length', 'Transfer-Encoding', 'connection', 'Upgrade', 'TE', 'Expect'];
    for (const name of [...refused, 'trailer', 'keep-alive', 'Proxy-Authorization', 'proxy-connection']) {
      await assert.rejects(
        send({ url: server.url, headers: { [name]: 'x' } }),
        forGood(`the header ${name} cannot be set`),
      );
    }
    const invalid: Record<string, string>[] = [
      { 'a b': 'x' },
      { '': 'x' },
      { a: 'x\r\nhost: y' },
      { a: '\0' },
    ];
    for (const headers of invalid) {
      await assert.rejects(send({ url: server.url, headers }), forGood(/^the header ".*" is not valid$/));
    }
    for (const method of ['GET', 'HEAD']) {
      await assert.rejects(
        send({ url: server.url, method, body: 'x' }),
        forGood(`a ${method} request has no body`),
      );
    }
    assert.equal(server.connections, 0);
  });
});

describe('an answer', () => {
  test('an answer of 2xx is returned, with its headers and its body', async (t) => {
    for (const status of [200, 201, 204, 299]) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(status, { 'x-one': 'a', 'x-many': ['b', 'c'], 'set-cookie': ['d=1', 'e=2'] });
        response.end(status === 204 ? '' : 'ok');
      });
      const answer = await send({ url: server.url });
      assert.equal(answer.status, status);
      assert.equal(answer.body, status === 204 ? '' : 'ok');
      assert.equal(answer.headers['x-one'], 'a');
      assert.deepEqual(answer.headers['x-many'], ['b', 'c']);
      assert.deepEqual(answer.headers['set-cookie'], ['d=1', 'e=2']);
    }
  });

  test('an answer of another status is an error for good, with the answer in its details', async (t) => {
    const target = await startHttpServer(t, (_request, response) => response.end());
    for (const status of [301, 302, 304, 307, 308, 400, 401, 404, 409, 410, 422, 451]) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(status, { location: target.url, 'set-cookie': ['a=1', 'b=2'] });
        response.end(status === 304 ? '' : '{"error":"no such order"}');
      });
      const error = await failureOf({ url: server.url });
      assert.equal(error.name, 'NonRetryableError');
      assert.equal(error.message, `127.0.0.1 answered ${status}`);
      assert.equal(error.options.errorCode, status);
      assert.equal(error.details.status, status);
      assert.equal(error.details.body, status === 304 ? '' : '{"error":"no such order"}');
      assert.equal(error.details.headers.location, target.url);
      assert.deepEqual(error.details.headers['set-cookie'], ['a=1', 'b=2']);
    }
    assert.equal(target.connections, 0);
  });

  test('an answer of 408, 425 or 5xx asks for another run, after its Retry-After delay', async (t) => {
    for (const status of [408, 425, 500, 502, 504, 599]) {
      const server = await startHttpServer(t, ({ url }, response) => {
        response.writeHead(status, url === '/later' ? { 'retry-after': '17' } : {}).end('busy');
      });
      for (const [path, delaySeconds] of [
        ['/later', 17],
        ['/', 0],
      ] as const) {
        const error = await failureOf({ url: server.url + path });
        assert.deepEqual(
          [error.name, error.message, error.delaySeconds, error.options.errorCode, error.details.body],
          ['RetryLaterError', `127.0.0.1 answered ${status}`, delaySeconds, status, 'busy'],
        );
      }
    }
  });

  test('an answer of 429, and of 503 with Retry-After, is a refusal for so long', async (t) => {
    const refusals = [
      { status: 429, retryAfter: '17', delaySeconds: 17 },
      { status: 429, retryAfter: undefined, delaySeconds: 5 },
      { status: 503, retryAfter: '0', delaySeconds: 0 },
    ];
    for (const { status, retryAfter, delaySeconds } of refusals) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('full');
      });
      const error = await failureOf({ url: server.url });
      assert.deepEqual(
        [error.name, error.message, error.delaySeconds, error.options.errorCode, error.details.body],
        ['ThrottledError', `127.0.0.1 answered ${status}`, delaySeconds, undefined, 'full'],
      );
    }
    const server = await startHttpServer(t, (_request, response) => response.writeHead(503).end());
    assert.equal((await failureOf({ url: server.url })).name, 'RetryLaterError');
  });

  test('a Retry-After may be a date in each of the three forms of HTTP', async (t) => {
    const date = 'Wed, 21 Oct 2015 07:27:00 GMT';
    const forms = [
      'Wed, 21 Oct 2015 07:28:00 GMT',
      'Wednesday, 21-Oct-15 07:28:00 GMT',
      'Wed Oct 21 07:28:00 2015',
    ];
    for (const form of forms) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(429, { 'retry-after': form, date }).end();
      });
      assert.equal((await failureOf({ url: server.url })).delaySeconds, 60, form);
    }
  });

  test('statuses and classes that are expected are a success, and others are not', async (t) => {
    const server = await startHttpServer(t, ({ url }, response) => {
      response.writeHead(Number(url?.slice(1))).end('here');
    });
    const expected = { 404: ['2xx', 404], 302: ['3xx'], 503: ['503'], 429: ['4xx', '5xx'] };
    for (const [status, expect] of Object.entries(expected)) {
      const answer = await send({ url: `${server.url}/${status}`, expect });
      assert.deepEqual([answer.status, answer.body], [Number(status), 'here']);
    }
    const error = await failureOf({ url: `${server.url}/200`, expect: ['404'] });
    assert.deepEqual([error.name, error.message], ['NonRetryableError', '127.0.0.1 answered 200']);
  });

  test('the details of an answer have the first 4 KiB of its body, without half a character', async (t) => {
    const server = await startHttpServer(t, (_request, response) => {
      response.writeHead(404).end(`x${'ü'.repeat(100 * KIB)}`);
    });
    const { details } = await failureOf({ url: server.url });
    assert.equal(details.body, `x${'ü'.repeat(2 * KIB - 1)}`);
  });

  test('a body that stops early or is cut does not hide the status of an answer', async (t) => {
    const cut = await startTcpServer(t, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\nabc'));
    });
    const error = await failureOf({ url: cut.url });
    assert.deepEqual(
      [error.name, error.options.errorCode, error.details.body],
      ['NonRetryableError', 404, 'abc'],
    );
  });

  test('an answer of up to 900 KiB is returned and a larger one fails for good', async (t) => {
    let size = 900 * KIB;
    const server = await startHttpServer(t, (_request, response) => response.end(Buffer.alloc(size, 'x')));
    assert.equal((await send({ url: server.url })).body.length, size);
    size += 1;
    await assert.rejects(
      send({ url: server.url }),
      forGood('the answer of 127.0.0.1 is larger than 900 KiB'),
    );
  });

  test('a compressed answer is decompressed, up to the same limit', async (t) => {
    let packed = gzipSync('grüße');
    const server = await startHttpServer(t, (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    });
    const { body, headers } = await send({ url: server.url });
    assert.deepEqual([body, headers['content-encoding']], ['grüße', undefined]);
    packed = gzipSync(Buffer.alloc(20 * KIB * KIB));
    await assert.rejects(
      send({ url: server.url }),
      forGood('the answer of 127.0.0.1 is larger than 900 KiB'),
    );
    packed = packed.subarray(0, 100);
    const error = await failureOf({ url: server.url });
    assert.deepEqual([error.name, error.options.errorCode], ['RetryLaterError', 502]);
  });

  test('a body is read in the charset of its Content-Type', async (t) => {
    const server = await startHttpServer(t, ({ url }, response) => {
      response.setHeader('content-type', `text/plain; charset=${url?.slice(1)}`);
      response.end(
        Buffer.from(
          url === '/iso-8859-1' ? 'grüße' : '\uFEFFgrüße',
          url === '/iso-8859-1' ? 'latin1' : 'utf8',
        ),
      );
    });
    for (const charset of ['iso-8859-1', 'utf-8', 'unheard-of'])
      assert.equal((await send({ url: `${server.url}/${charset}` })).body, 'grüße', charset);
  });

  test('an answer that is slow to begin or to end is given up in time', async (t) => {
    const hanging = await startHttpServer(t, (request) => request.resume());
    const slowHead = await startTcpServer(t, (socket) =>
      trickle(socket, 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'),
    );
    const slowBody = await startTcpServer(t, (socket) =>
      trickle(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n', 'a'),
    );
    for (const { url } of [hanging, slowHead, slowBody]) {
      const error = await failureOf({ url, timeoutSeconds: 0.3 });
      assert.deepEqual(
        [error.name, error.message, error.options.errorCode],
        ['RetryLaterError', '127.0.0.1: the receiver did not answer in time', 504],
      );
    }
  });

  test('a broken connection or answer is an error that another run may fix', async (t) => {
    const gone = await startHttpServer(t, () => {});
    await gone.close();
    const refused = await failureOf({ url: gone.url });
    assert.deepEqual(
      [refused.name, refused.message, refused.options.errorCode],
      ['RetryLaterError', '127.0.0.1: connection refused', 502],
    );
    for (const head of ['content-length: 10\r\n\r\nabc', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n']) {
      const cut = await startTcpServer(t, (socket) => {
        socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}`));
      });
      const error = await failureOf({ url: cut.url, body: 'x' });
      assert.deepEqual(
        [error.name, error.message, error.options.errorCode],
        ['RetryLaterError', '127.0.0.1: the receiver closed the connection without a whole answer', 502],
      );
    }
  });
});

describe('JSON', () => {
  test('a request of JSON says so, and asks for JSON', async (t) => {
    const server = await startEcho(t);
    for (const json of [{ a: 'ü' }, [1], 'text', 0, false, null]) {
      const { json: echo } = await send({ url: server.url, json, as: 'json' });
      const { method, headers, body } = echo as Echo;
      assert.equal(method, 'POST');
      assert.deepEqual(JSON.parse(body), json);
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers.accept, 'application/json');
    }
    const headers = { 'Content-Type': 'application/vnd.api+json', ACCEPT: 'application/vnd.api+json' };
    const { json } = await send({ url: server.url, json: {}, as: 'json', headers });
    const echo = json as Echo;
    assert.equal(echo.headers['content-type'], 'application/vnd.api+json');
    assert.equal(echo.headers.accept, 'application/vnd.api+json');
  });

  test('an empty body is null where JSON is wanted', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.writeHead(204).end());
    assert.equal((await send({ url: server.url, as: 'json' })).json, null);
  });

  test('an answer that is not JSON where JSON is wanted fails for good, with the answer in its details', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end('<html>'));
    const error = await failureOf({ url: server.url, as: 'json' });
    assert.deepEqual(
      [error.name, error.message, error.details.status, error.details.body],
      ['NonRetryableError', '127.0.0.1 answered 200, but its body is not JSON', 200, '<html>'],
    );
  });

  test('a request has either body or json', async () => {
    await assert.rejects(
      send({ url: 'http://127.0.0.1/', json: 1, body: '1' }),
      forGood('a request has either body or json, not both'),
    );
  });
});

test('a query is added to that of the URL', async (t) => {
  const urls: (string | undefined)[] = [];
  const server = await startHttpServer(t, ({ url }, response) => {
    urls.push(url);
    response.end();
  });
  await send({ url: `${server.url}/a?b=c#d`, query: { 'e f': 'g&h=i+j ü', k: [1, 'l'], m: true, n: [] } });
  await send({ url: `${server.url}/a`, query: { b: '' } });
  await send({ url: `${server.url}/a?b`, query: {} });
  assert.deepEqual(urls, ['/a?b=c&e%20f=g%26h%3Di%2Bj%20%C3%BC&k=1&k=l&m=true', '/a?b=', '/a?b']);
});

describe('connections', () => {
  test('a connection serves one request after another, whatever they are answered', async (t) => {
    const server = await startHttpServer(t, async (request, response) => {
      await request.resume().toArray();
      response.writeHead(Number(request.url?.slice(1))).end('x'.repeat(10 * KIB));
    });
    for (let round = 0; round < 3; round++) {
      await send({ url: `${server.url}/200` });
      await send({ url: `${server.url}/200`, method: 'POST', body: 'x', idempotencyKey: 'k' });
      await failureOf({ url: `${server.url}/404` });
      await failureOf({ url: `${server.url}/503` });
    }
    assert.equal(server.connections, 1);
  });

  test('requests at the same time have a connection each, and no more are made', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    const sendMany = async () => {
      for (let sent = 0; sent < 20; sent++) await send({ url: server.url });
    };
    await Promise.all(Array.from({ length: 5 }, sendMany));
    assert.equal(server.connections, 5);
  });

  test('an address is checked at each connection that is made', async (t) => {
    const server = await startHttpServer(t, (_request, response) =>
      response.setHeader('connection', 'close').end(),
    );
    const http = service('127.0.0.1', stubLookup(['127.0.0.1'], ['10.0.0.1']));
    const url = `http://hook.example.test:${server.port}/`;
    assert.equal((await http({ url })).status, 200);
    await assert.rejects(
      http({ url }),
      forGood('hook.example.test is not among the hosts that HTTP_ALLOW names'),
    );
  });

  test('a request over a kept connection that the receiver resets is sent again, once', async (t) => {
    for (const request of [{ method: 'GET' }, { method: 'DELETE' }, { json: 1, idempotencyKey: 'k' }]) {
      const server = await startResetting(t, (connection) => connection === 1);
      await send({ url: server.url, ...request });
      assert.equal((await send({ url: server.url, ...request })).status, 200);
      assert.deepEqual([server.connections, server.requests.length], [2, 3]);
      const [, first, second] = server.requests;
      assert.equal(first, second);
    }
  });

  test('a request whose new connection is reset as well fails, and may run again', async (t) => {
    const server = await startResetting(t, () => true);
    await send({ url: server.url });
    const error = await failureOf({ url: server.url });
    assert.deepEqual([error.name, error.options.errorCode], ['RetryLaterError', 502]);
    assert.equal(server.requests.length, 3);
  });

  test('a POST without an Idempotency-Key is sent over a connection of its own, once', async (t) => {
    const server = await startResetting(t, (connection) => connection > 1);
    await send({ url: server.url });
    await failureOf({ url: server.url, method: 'POST' });
    assert.deepEqual([server.connections, server.requests.length], [2, 2]);
  });
});

test('an abort ends a request', async (t) => {
  const controller = new AbortController();
  const server = await startHttpServer(t, () => controller.abort());
  await assert.rejects(send({ url: server.url, signal: controller.signal }), {
    name: 'OutboundError',
    message: 'the request was aborted',
  });
  await assert.rejects(send({ url: server.url, signal: AbortSignal.abort() }), { name: 'OutboundError' });
  assert.equal(server.connections, 1);
});

test('a request whose text would be changed is refused', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  const { url } = server;
  await assert.rejects(
    send({ url, method: 'POST', body: 'a\ud800' }),
    forGood('the body must not contain half of a surrogate pair'),
  );
  await assert.rejects(send({ url: `${url}/\ud800` }), forGood(/^a URL must be one line of text/));
  await assert.rejects(send({ url: `${url}/a\nb` }), forGood(/^a URL must be one line of text/));
  assert.equal(server.connections, 0);
});
