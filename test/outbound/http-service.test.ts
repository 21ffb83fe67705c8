import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FORBIDDEN_HOSTS, PUBLIC_HOSTS } from './addresses.ts';
import { type Echo, failureOf, forGood, send, service, startEcho } from './http-requests.ts';
import { startHttpServer, stubLookup } from './loopback.ts';

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
    for (const name of [
      ...refused,
      'trailer',
      'keep-alive',
      'Proxy-Authorization',
      'proxy-connection',
      '__proto__',
    ]) {
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
