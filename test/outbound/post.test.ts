import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { parseAllowList } from '../../src/outbound/address-guard.ts';
import { type PostOptions, postStream } from '../../src/outbound/post.ts';
import { FORBIDDEN_HOSTS } from './addresses.ts';
import { startHttpServer, startTcpServer, stubLookup } from './loopback.ts';

const MIB = 1024 * 1024;
/** The channel on which Node reports that a client has read the head of an answer. */
const RESPONSE = 'http.client.response.finish';
/** Connections are kept for requests under one list. */
const LOOPBACK = parseAllowList('127.0.0.1');
const QUICK = { connectMs: 300, idleMs: 300, totalMs: 1500, answerBodyMs: 200 };

function post(url: string, options: Partial<PostOptions> = {}) {
  const body = options.body ?? Readable.from([Buffer.from('{"asyncId":"a"}')]);
  return postStream({
    url,
    headers: { 'content-type': 'application/json', 'webhook-id': 'msg_1' },
    contentLength: 15,
    allow: parseAllowList('127.0.0.1'),
    timeouts: QUICK,
    ...options,
    body,
  });
}

function outbound(message: string | RegExp) {
  return { name: 'OutboundError', message };
}

/** A body of many chunks, with its length. */
function bigBody(mebibytes: number) {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const body = Readable.from(Array.from({ length: mebibytes * 16 }, () => chunk));
  return { body, contentLength: mebibytes * MIB };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

describe('a post', () => {
  test('a post arrives with its headers and body, and the answer is returned', async (t) => {
    const seen: object[] = [];
    const server = await startHttpServer(t, async ({ method, url, headers }, response) => {
      seen.push({
        method,
        url,
        type: headers['content-type'],
        id: headers['webhook-id'],
        length: headers['content-length'],
      });
      response.writeHead(202).end('thank you');
    });
    const answer = await post(`${server.url}/hook?a=1`);
    assert.deepEqual(answer, { status: 202, retryAfterSeconds: null, excerpt: '' });
    assert.deepEqual(seen, [
      { method: 'POST', url: '/hook?a=1', type: 'application/json', id: 'msg_1', length: '15' },
    ]);
  });

  test('a post accepts a complete body as well as one that arrives gradually', async (t) => {
    const seen: string[] = [];
    const server = await startHttpServer(t, async (request, response) => {
      seen.push(`${request.headers['content-length']} ${await readAll(request)}`);
      response.end();
    });
    await post(server.url, { body: Buffer.from('{"asyncId":"b"}') });
    await post(server.url, { body: Buffer.alloc(0), contentLength: 0 });
    assert.deepEqual(seen, ['15 {"asyncId":"b"}', '0 ']);
  });

  test('a post of a complete body uses the connection of the one before, a stream one of its own', async (t) => {
    const server = await startHttpServer(t, async (request, response) => {
      await readAll(request);
      response.writeHead(204).end();
    });
    const whole = { body: Buffer.from('{"asyncId":"b"}'), allow: LOOPBACK };
    for (let sent = 0; sent < 3; sent++) assert.equal((await post(server.url, whole)).status, 204);
    assert.equal(server.connections, 1);
    for (let sent = 0; sent < 2; sent++) await post(server.url, { allow: LOOPBACK });
    assert.equal(server.connections, 3);
  });

  test('a post is sent again, once, when the connection of an earlier one was closed', async (t) => {
    let closes = false;
    const server = await startTcpServer(t, (socket) => {
      socket.on('data', () => {
        if (closes && server.connections !== 2) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    const whole = { body: Buffer.from('{"asyncId":"b"}'), allow: LOOPBACK };
    assert.equal((await post(server.url, whole)).status, 204);
    closes = true;
    assert.equal((await post(server.url, whole)).status, 204);
    assert.equal(server.connections, 2);
    const refusing = await startTcpServer(t, (socket) => {
      socket.once('data', () => {
        if (refusing.connections > 1) return socket.resetAndDestroy();
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    assert.equal((await post(refusing.url, whole)).status, 204);
    await assert.rejects(post(refusing.url, whole), outbound(/^the receiver closed the connection /));
    assert.equal(refusing.connections, 2);
  });

  test('a post of a complete body has not succeeded before all of it is sent', async (t) => {
    const body = Buffer.alloc(64 * MIB, 'x');
    const early = await startHttpServer(t, (request, response) => {
      response.writeHead(200).end();
      response.once('finish', () => request.socket.resetAndDestroy());
    });
    await assert.rejects(
      post(early.url, { body, contentLength: body.length }),
      outbound(/^the receiver closed the connection /),
    );
    const silent = await startHttpServer(t, () => {});
    await assert.rejects(
      post(silent.url, { body, contentLength: body.length }),
      outbound('the receiver did not answer in time'),
    );
  });

  test('a post of an empty body has length 0', async (t) => {
    const seen: string[] = [];
    const server = await startHttpServer(t, async (request, response) => {
      seen.push(`${request.headers['content-length']} ${await readAll(request)}`);
      response.end();
    });
    await post(server.url, { body: Readable.from([]), contentLength: 0 });
    assert.deepEqual(seen, ['0 ']);
  });

  test('a post of many chunks arrives complete', async (t) => {
    let received = 0;
    const server = await startHttpServer(t, (request, response) => {
      request.on('data', (chunk) => {
        received += chunk.length;
      });
      request.on('end', () => response.end());
    });
    const answer = await post(server.url, { ...bigBody(64), timeouts: { ...QUICK, totalMs: 30_000 } });
    assert.equal(answer.status, 200);
    assert.equal(received, 64 * MIB);
  });

  test('a post returns every status and follows no redirect', async (t) => {
    const target = await startHttpServer(t, (_request, response) => response.end());
    for (const status of [204, 301, 302, 303, 304, 307, 308, 400, 410, 500, 503]) {
      const server = await startHttpServer(t, (request, response) => {
        request.resume();
        request.on('end', () => response.writeHead(status, { location: target.url }).end());
      });
      assert.equal((await post(server.url)).status, status);
      assert.equal(server.connections, 1);
    }
    assert.equal(target.connections, 0);
  });

  test('a post does not wait for the end of an answer of more than 64 KiB', async (t) => {
    const closed = Promise.withResolvers<void>();
    const server = await startHttpServer(t, (request, response) => {
      response.once('close', closed.resolve);
      request.resume();
      const more = () => {
        while (response.write('ä'.repeat(8 * 1024)));
      };
      response.on('drain', more);
      request.on('end', more);
    });
    const timeouts = { ...QUICK, totalMs: 240_000, answerBodyMs: 240_000 };
    assert.equal((await post(server.url, { timeouts })).status, 200);
    await closed.promise;
  });

  test('a post does not decompress a compressed answer', async (t) => {
    const asked: unknown[] = [];
    const server = await startHttpServer(t, (request, response) => {
      asked.push(request.headers['accept-encoding']);
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
    });
    assert.equal((await post(server.url)).status, 200);
    assert.deepEqual(asked, [undefined]);
  });
});

describe('a body that fails', () => {
  /** Posts a failing body; returns what its receiver got. */
  async function receive(t: Parameters<typeof startHttpServer>[0], options: Partial<PostOptions>) {
    const seen = { text: '', complete: false };
    const server = await startHttpServer(t, (request, response) => {
      request.setEncoding('utf8').on('data', (chunk) => {
        seen.text += chunk;
      });
      request.on('end', () => {
        seen.complete = true;
        response.end();
      });
      request.on('error', () => {});
    });
    const failure: Error = await post(server.url, options).then(
      () => assert.fail('the post succeeded'),
      (error) => error,
    );
    await server.idle();
    return { seen, failure };
  }

  test('a body that fails is cut off before its last bytes, even when all of them have arrived', async (t) => {
    async function* failing() {
      yield 'first,';
      yield 'last';
      throw new Error('the rows have changed');
    }
    const { seen, failure } = await receive(t, { body: Readable.from(failing()), contentLength: 10 });
    assert.equal(failure.message, 'the body could not be read');
    assert.equal((failure.cause as Error).message, 'the rows have changed');
    assert.equal(seen.complete, false);
    assert.ok(!seen.text.includes('last'));
  });

  test('a body that is destroyed is cut off', async (t) => {
    const body = new Readable({ read() {} });
    body.push('first,');
    setImmediate(() => body.destroy(new Error('gone')));
    const { seen, failure } = await receive(t, { body, contentLength: 10 });
    assert.equal(failure.message, 'the body could not be read');
    assert.equal(seen.complete, false);
  });

  test('a body that is shorter or longer than announced is cut off', async (t) => {
    for (const parts of [['first,'], ['first,', 'last', 'more'], ['first,', 'last!']]) {
      const { seen, failure } = await receive(t, { body: Readable.from(parts), contentLength: 10 });
      assert.equal(failure.message, 'the body does not have the length announced');
      assert.equal(seen.complete, false);
    }
  });

  test('a body that stalls is given up', async (t) => {
    const body = new Readable({ read() {} });
    body.push('first,');
    const { seen, failure } = await receive(t, { body, contentLength: 10 });
    assert.equal(failure.message, 'the receiver did not answer in time');
    assert.equal(seen.complete, false);
    assert.equal(body.destroyed, true);
  });

  test('a body that had already failed is not sent', async (t) => {
    const body = new Readable({ read() {} }).on('error', () => {});
    body.destroy(new Error('gone'));
    const { failure } = await receive(t, { body });
    assert.equal(failure.message, 'the body could not be read');
  });
});

describe('a receiver that', () => {
  test('a receiver that cannot be reached gives an error, and the body is destroyed', async (t) => {
    const server = await startHttpServer(t, () => {});
    const { body, contentLength } = bigBody(1);
    const port = await freePort();
    await assert.rejects(
      post(`http://127.0.0.1:${port}/`, { body, contentLength }),
      outbound('connection refused'),
    );
    assert.equal(body.destroyed, true);
    assert.equal(server.connections, 0);
  });

  test('a receiver without an address gives an error', async () => {
    await assert.rejects(
      post('http://hook.example.test/', { lookup: stubLookup([]) }),
      outbound('the host name cannot be resolved'),
    );
    await assert.rejects(
      post('http://hook.example.test/', { lookup: () => {} }),
      outbound('the host name cannot be resolved'),
    );
  });

  test('a receiver that never answers is given up', async (t) => {
    const server = await startHttpServer(t, (request) => request.resume());
    await assert.rejects(post(server.url), outbound('the receiver did not answer in time'));
  });

  test('a receiver that never reads a large body is given up', async (t) => {
    const server = await startTcpServer(t, (socket) => socket.pause());
    await assert.rejects(post(server.url, bigBody(64)), outbound('the receiver did not answer in time'));
  });

  test('a receiver that sends its headers byte by byte is given up when the time is over', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
      const timer = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    await assert.rejects(post(server.url), outbound('the receiver did not answer in time'));
  });

  test('a receiver that keeps sending a few bytes is given up in time', async (t) => {
    const trickles: Record<string, (socket: Socket) => void> = {
      'bytes of its status line': (socket) => trickle(socket, '', 'HTTP/1.1 200 OK'.split('')),
      'bytes of a header': (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\nx-slow: ', ['a']),
      'one header after the other': (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\n', ['x: y\r\n']),
      'informational answers': (socket) =>
        trickle(socket, '', ['HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n']),
      'blank lines': (socket) => trickle(socket, '', ['\r\n']),
    };
    for (const [what, answer] of Object.entries(trickles)) {
      const server = await startTcpServer(t, (socket) => {
        socket.once('data', () => answer(socket));
      });
      // The time for everything is longer than a test may take.
      await assert.rejects(
        post(server.url, { timeouts: { ...QUICK, totalMs: 600_000, responseMs: 300 } }),
        outbound('the receiver did not answer in time'),
        what,
      );
    }
  });

  test('a receiver that reads the body byte by byte is given up in time', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.pause();
      const timer = setInterval(() => socket.read(1), 20);
      socket.on('close', () => clearInterval(timer));
    });
    for (const { body, contentLength } of [
      bigBody(64),
      { body: Buffer.alloc(64 * MIB), contentLength: 64 * MIB },
    ])
      await assert.rejects(
        post(server.url, {
          body,
          contentLength,
          // The others are longer than a test may take.
          timeouts: { ...QUICK, idleMs: 600_000, totalMs: 600_000, sendMs: 300 },
        }),
        outbound('the receiver did not take the request in time'),
      );
  });

  test('a receiver with too large headers gives an error', async (t) => {
    for (const head of [`x: ${'a'.repeat(64 * 1024)}\r\n`, 'x: aaaaaaaa\r\n'.repeat(8000)]) {
      const server = await startTcpServer(t, (socket) => {
        socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`));
      });
      await assert.rejects(post(server.url), outbound('the headers of the answer are too large'));
    }
  });

  test('a receiver that sends its body byte by byte has answered: the rest is not awaited', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.write('HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    const answer = await post(server.url);
    assert.equal(answer.status, 503);
    assert.equal(answer.retryAfterSeconds, 7);
  });

  test('a receiver that is cut off within the body of its answer has answered', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc'));
    });
    assert.deepEqual(await post(server.url), { status: 200, retryAfterSeconds: null, excerpt: '' });
  });

  test('a receiver that closes the connection without an answer gives an error', async (t) => {
    const server = await startTcpServer(t, (socket) => socket.once('data', () => socket.destroy()));
    await assert.rejects(post(server.url), outbound(/^the receiver closed the connection /));
  });

  test('a receiver that closes the connection within a large body gives an error', async (t) => {
    const server = await startTcpServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    await assert.rejects(
      post(server.url, bigBody(32)),
      outbound('the receiver closed the connection before all of the body was sent'),
    );
  });

  test('a receiver that refuses before the body is sent has answered, and the body is destroyed', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 410 Gone\r\ncontent-length: 4\r\n\r\ngone'));
    });
    const { body, contentLength } = bigBody(32);
    const answer = await post(server.url, { body, contentLength });
    assert.deepEqual(answer, { status: 410, retryAfterSeconds: null, excerpt: '' });
    assert.equal(body.destroyed, true);
  });

  test('a receiver that accepts before the body is sent, and reads it, has answered', async (t) => {
    let received = 0;
    const server = await startHttpServer(t, (request, response) => {
      response.end('early');
      request.on('data', (chunk) => {
        received += chunk.length;
      });
    });
    const { body, contentLength } = bigBody(32);
    const answer = await post(server.url, { body, contentLength, timeouts: { ...QUICK, totalMs: 30_000 } });
    assert.deepEqual(answer, { status: 200, retryAfterSeconds: null, excerpt: '' });
    assert.ok(received >= contentLength - 8 * MIB, `${received} bytes`);
  });

  test('a receiver that accepts before the body is sent and then closes gives an error', async (t) => {
    for (const connection of ['close', 'keep-alive']) {
      const server = await startTcpServer(t, (socket) => {
        socket.once('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\nconnection: ${connection}\r\ncontent-length: 2\r\n\r\nok`);
          socket.pause();
          // Not earlier: a reset would destroy the answer.
          whenAnswered(socket, () => socket.destroy());
        });
      });
      await assert.rejects(
        post(server.url, bigBody(32)),
        outbound('the receiver closed the connection before all of the body was sent'),
      );
    }
  });

  test('a receiver that accepts before the body is sent and then hangs is given up', async (t) => {
    const server = await startTcpServer(t, (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        socket.pause();
      });
    });
    await assert.rejects(post(server.url, bigBody(32)), outbound('the receiver did not answer in time'));
  });

  test('a receiver that does not speak HTTP gives an error', async (t) => {
    const answers = [
      'SSH-2.0-OpenSSH_9.6\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    ];
    for (const answer of answers) {
      const server = await startTcpServer(t, (socket) => {
        socket.once('data', () => socket.write(answer));
      });
      await assert.rejects(post(server.url), outbound('the receiver answered something that is not HTTP'));
    }
  });

  test('a receiver that does not speak TLS gives an error', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    await assert.rejects(
      post(server.url.replace('http:', 'https:')),
      outbound(/^the TLS connection failed: [A-Z_]+$/),
    );
  });

  test('a receiver may ask for a later attempt', async (t) => {
    const asked: Record<string, number | null> = {
      '0': 0,
      '120': 120,
      '999999999999': 86_400,
      'Wed, 21 Oct 2015 07:28:00 GMT': 60,
      'Wed, 21 Oct 2015 07:26:00 GMT': 0,
      'Wed, 21 Oct 2099 07:28:00 GMT': 86_400,
      'Wednesday, 21-Oct-15 07:28:00 GMT': 60,
      'Wednesday, 21-Oct-65 07:28:00 GMT': 86_400,
      'Wednesday, 21-Oct-66 07:28:00 GMT': 0,
      'Wednesday, 21-Oct-94 07:28:00 GMT': 0,
      'Wed Oct 21 07:28:00 2015': 60,
      'Wed Oct  7 07:28:00 2015': 0,
      'Wed, 99 Oct 2015 07:28:00 GMT': null,
      'Sat, 31 Feb 2026 07:28:00 GMT': null,
      'Wed, 21 Oct 2015 24:28:00 GMT': null,
      'Wednesday, 21 Oct 2015 07:28:00 GMT': null,
      'Wed, 21 Oct 2015 07:28:00 CET': null,
      'Wed Oct 21 07:28:00 15': null,
      'Wed, 21 Okt 2015 07:28:00 GMT': null,
      '2015-10-21T07:28:00Z': null,
      '-5': null,
      '1.5': null,
      soon: null,
    };
    for (const [value, seconds] of Object.entries(asked)) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(429, { 'retry-after': value, date: 'Wed, 21 Oct 2015 07:27:00 GMT' }).end();
      });
      assert.equal((await post(server.url)).retryAfterSeconds, seconds, value);
    }
    for (const date of ['Wednesday, 21-Oct-15 07:27:00 GMT', 'Wed Oct 21 07:27:00 2015']) {
      const server = await startHttpServer(t, (_request, response) => {
        response.writeHead(503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT', date }).end();
      });
      assert.equal((await post(server.url)).retryAfterSeconds, 60, date);
    }
  });
});

describe('an address that is not allowed', () => {
  test('a forbidden address is not posted to, in any form', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    for (const host of Object.values(FORBIDDEN_HOSTS).flat()) {
      const allow = parseAllowList('');
      await assert.rejects(
        post(`http://${host}:${server.port}/`, { allow }),
        outbound(/^address not allowed: \S+ (is|resolves to) an? .+ address$/),
        host,
      );
    }
    assert.equal(server.connections, 0);
  });

  test('a forbidden address is not posted to when a name resolves to it only at the connection', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end());
    const body = Readable.from(['{"asyncId":"a"}']);
    await assert.rejects(
      post(`http://hook.example.test:${server.port}/`, {
        body,
        allow: parseAllowList(''),
        lookup: stubLookup(['127.0.0.1']),
      }),
      outbound('address not allowed: hook.example.test resolves to a loopback address'),
    );
    assert.equal(server.connections, 0);
    assert.equal(body.destroyed, true);
  });
});

describe('an abort', () => {
  test('an abort before or during a post ends it', async (t) => {
    const server = await startHttpServer(t, (request) => request.resume());
    await assert.rejects(
      post(server.url, { signal: AbortSignal.abort() }),
      outbound('the request was aborted'),
    );
    assert.equal(server.connections, 0);
    const controller = new AbortController();
    const { body, contentLength } = bigBody(1);
    const answer = post(server.url, { body, contentLength, signal: controller.signal });
    body.once('end', () => controller.abort());
    await assert.rejects(answer, outbound('the request was aborted'));
    assert.equal(body.destroyed, true);
  });
});

/** Sends the beginning at once and then a part every 20 ms, the last one repeatedly. */
function trickle(socket: Socket, beginning: string, parts: readonly string[]): void {
  socket.write(beginning);
  let sent = 0;
  const timer = setInterval(() => socket.write(parts[Math.min(sent++, parts.length - 1)] ?? ''), 20);
  socket.on('close', () => clearInterval(timer));
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** Calls back when the client at the other end of the server's socket has read the head of its answer. */
function whenAnswered(socket: Socket, then: () => void): void {
  const onResponse = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    if (request.socket?.localPort !== socket.remotePort) return;
    unsubscribe(RESPONSE, onResponse);
    then();
  };
  subscribe(RESPONSE, onResponse);
}
