import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { failureOf, forGood, send } from './http-requests.ts';
import { startHttpServer, startTcpServer } from './loopback.ts';

const KIB = 1024;

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
      assert.ok(error.message.startsWith(`127.0.0.1 answered ${status}`), error.message);
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
    assert.deepEqual(
      [error.name, error.message],
      ['NonRetryableError', '127.0.0.1 answered 200, which is not expected'],
    );
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

  test('a body that breaks together with its head is an error that another run may fix', async (t) => {
    for (const answer of ['204 No Content\r\n\r\nabc', '200 OK\r\ncontent-length: 1\r\n\r\nabc']) {
      const server = await startTcpServer(t, (socket) => {
        socket.once('data', () => socket.end(`HTTP/1.1 ${answer}`));
      });
      const error = await failureOf({ url: server.url });
      assert.deepEqual(
        [error.name, error.message, error.options.errorCode],
        ['RetryLaterError', '127.0.0.1: the receiver answered something that is not HTTP', 502],
        answer,
      );
    }
  });
});

/** Sends the beginning when a request arrives and then the same part every 20 ms. */
function trickle(socket: Socket, beginning: string, part: string): void {
  socket.once('data', () => {
    socket.write(beginning);
    const timer = setInterval(() => socket.write(part), 20);
    socket.on('close', () => clearInterval(timer));
  });
}
