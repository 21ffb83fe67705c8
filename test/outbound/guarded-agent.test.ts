import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { parseAllowList, publicOrNamed } from '../../src/outbound/address-guard.ts';
import { createGuardedAgents } from '../../src/outbound/guarded-agent.ts';
import { FORBIDDEN_HOSTS } from './addresses.ts';
import { startHttpServer, stubLookup } from './loopback.ts';

const NONE = publicOrNamed(parseAllowList(''));

async function getStatus(url: string, allow: string, lookup?: LookupFunction): Promise<number | undefined> {
  const agents = createGuardedAgents(publicOrNamed(parseAllowList(allow)), lookup);
  const request = url.startsWith('https')
    ? https.get(url, { agent: agents.https })
    : http.get(url, { agent: agents.http });
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('no connection is made to any forbidden address, over http or https', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  for (const host of Object.values(FORBIDDEN_HOSTS).flat()) {
    // Names other than literal addresses resolve to loopback here, as localhost really does.
    for (const scheme of ['http', 'https']) {
      await assert.rejects(
        getStatus(`${scheme}://${host}:${server.port}/`, '', stubLookup(['127.0.0.1'])),
        { name: 'ForbiddenAddressError' },
        `${scheme} ${host}`,
      );
    }
  }
  assert.equal(server.connections, 0);
});

test('a name is refused because of the addresses that it really resolves to', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  await assert.rejects(getStatus(`http://localhost:${server.port}/`, ''), { name: 'ForbiddenAddressError' });
  for (const scheme of ['http', 'https']) {
    await assert.rejects(
      getStatus(`${scheme}://hook.example.test:${server.port}/`, '', stubLookup(['8.8.8.8', '127.0.0.1'])),
      { message: 'hook.example.test resolves to a loopback address' },
    );
  }
  assert.equal(server.connections, 0);
});

test('the agent connects to the addresses that were checked, looked up once', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  const rebinding = stubLookup(['127.0.0.1'], ['169.254.169.254']);
  assert.equal(await getStatus(`http://hook.example.test:${server.port}/`, '127.0.0.1', rebinding), 200);
  assert.deepEqual(rebinding.asked, ['hook.example.test']);
});

test('hosts that the allow list names are reached', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  const { port } = server;
  const toLoopback = stubLookup(['127.0.0.1']);
  assert.equal(await getStatus(`http://127.0.0.1:${port}/`, '127.0.0.0/8'), 200);
  assert.equal(await getStatus(`http://127.0.0.1:${port}/`, `127.0.0.1:${port}`), 200);
  assert.equal(await getStatus(`http://intern.test:${port}/`, 'intern.test', toLoopback), 200);
  assert.equal(await getStatus(`http://intern.test:${port}/`, '127.0.0.1', toLoopback), 200);
  assert.equal(server.connections, 4);
  for (const allow of ['127.0.0.1:1', 'other.test', '127.0.0.2', '::1']) {
    await assert.rejects(getStatus(`http://intern.test:${port}/`, allow, toLoopback), {
      name: 'ForbiddenAddressError',
    });
  }
  assert.equal(server.connections, 4);
});

test('a lookup that returns one address, or none, is checked as well', async () => {
  const single: LookupFunction = (_host, _options, callback) => callback(null, '127.0.0.1', 4);
  await assert.rejects(getStatus('http://hook.example.test/', '', single), { name: 'ForbiddenAddressError' });
  await assert.rejects(getStatus('http://hook.example.test/', '', stubLookup([])), { code: 'ENOTFOUND' });
  const empty: LookupFunction = (_host, _options, callback) => callback(null, []);
  await assert.rejects(getStatus('http://hook.example.test/', '', empty));
});

test('a local socket path is refused', async () => {
  const { http: agent } = createGuardedAgents(NONE);
  const request = http.get({ agent, socketPath: '/tmp/no-such.sock', path: '/' });
  await assert.rejects(once(request, 'response'), { message: 'only hosts can be reached' });
});

test('a socket serves one request unless connections are kept', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end());
  const { http: agent } = createGuardedAgents(publicOrNamed(parseAllowList('127.0.0.1')));
  for (let sent = 1; sent <= 2; sent += 1) {
    const request = http.get(server.url, { agent });
    const [response] = await once(request, 'response');
    response.resume();
    await once(request, 'close');
    assert.equal(server.connections, sent);
  }
});

test('agents that keep connections keep at most 128 idle ones', async (t) => {
  const held: http.ServerResponse[] = [];
  const all = Promise.withResolvers<void>();
  const server = await startHttpServer(t, (_request, response) => {
    if (held.push(response) === 140) all.resolve();
  });
  const { http: agent } = createGuardedAgents(publicOrNamed(parseAllowList('127.0.0.1')), undefined, {
    keepsConnections: true,
  });
  t.after(() => agent.destroy());
  const closed = Array.from({ length: 140 }, async () => {
    const request = http.get(server.url, { agent });
    const [response] = await once(request, 'response');
    response.resume();
    await once(request, 'close');
  });
  await all.promise;
  for (const response of held) response.end();
  await Promise.all(closed);
  await new Promise(setImmediate); // a socket is kept in the next tick
  assert.deepEqual(
    Object.values(agent.freeSockets).map((sockets) => sockets?.length),
    [128],
  );
});
