import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAllowList } from '../../src/outbound/address-guard.ts';
import { createHttpService } from '../../src/outbound/http-service.ts';
import type { OutboundRequest } from '../../src/plugin/context.ts';
import { FORBIDDEN_HOSTS, PUBLIC_HOSTS } from './addresses.ts';
import { startHttpServer, startTcpServer, stubLookup } from './loopback.ts';

const KIB = 1024;

function service(allow: string, lookup?: LookupFunction) {
  return createHttpService({
    allow: parseAllowList(allow),
    timeouts: { connectMs: 300, idleMs: 300, totalMs: 1000 },
    ...(lookup ? { lookup } : {}),
  });
}

/** A request, by default GET, to a loopback server that the list names. */
function send(request: Partial<OutboundRequest> & { url: string }) {
  return service('127.0.0.1')({ method: 'GET', ...request });
}

function forGood(message: string | RegExp) {
  return { name: 'NonRetryableError', message };
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
  test('an answer with a status other than 429 and 5xx is returned, and no redirect is followed', async (t) => {
    const target = await startHttpServer(t, (_request, response) => response.end());
    for (const status of [204, 301, 302, 307, 308, 400, 404, 410]) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(status, { location: target.url, 'set-cookie': ['a=1', 'b=2'] }).end();
      });
      const answer = await send({ url: server.url });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.location, target.url);
      assert.equal(answer.headers['set-cookie'], 'a=1, b=2');
    }
    assert.equal(target.connections, 0);
  });

  test('an answer of 429 or 5xx asks for another run, after its Retry-After delay', async (t) => {
    for (const status of [429, 500, 502, 503]) {
      const server = await startHttpServer(t, ({ url }, response) => {
        response.writeHead(status, url === '/later' ? { 'retry-after': '17' } : {}).end('busy');
      });
      await assert.rejects(send({ url: `${server.url}/later` }), {
        name: 'RetryLaterError',
        message: `127.0.0.1 answered ${status}`,
        delaySeconds: 17,
      });
      await assert.rejects(send({ url: server.url }), {
        name: 'OutboundError',
        message: `127.0.0.1 answered ${status}`,
      });
    }
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
    assert.equal((await send({ url: server.url })).body, 'grüße');
    packed = gzipSync(Buffer.alloc(20 * KIB * KIB));
    await assert.rejects(
      send({ url: server.url }),
      forGood('the answer of 127.0.0.1 is larger than 900 KiB'),
    );
    packed = packed.subarray(0, 100);
    await assert.rejects(send({ url: server.url }), { name: 'OutboundError' });
  });

  test('a missing or incomplete answer is an error that another run may fix', async (t) => {
    const hanging = await startHttpServer(t, (request) => request.resume());
    await assert.rejects(send({ url: hanging.url }), {
      name: 'OutboundError',
      message: 'the receiver did not answer in time',
    });
    const slow = await startTcpServer(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
      const timer = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    await assert.rejects(send({ url: slow.url }), {
      name: 'OutboundError',
      message: 'the receiver did not answer in time',
    });
    for (const head of ['content-length: 10\r\n\r\nabc', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n']) {
      const cut = await startTcpServer(t, (socket) => {
        socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}`));
      });
      await assert.rejects(send({ url: cut.url, method: 'POST', body: 'x' }), {
        name: 'OutboundError',
        message: 'the receiver closed the connection without a whole answer',
      });
    }
  });
});

test('an abort ends a request', async (t) => {
  const controller = new AbortController();
  const server = await startHttpServer(t, () => controller.abort());
  await assert.rejects(send({ url: server.url, signal: controller.signal }), {
    name: 'OutboundError',
    message: 'the request was aborted',
  });
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
