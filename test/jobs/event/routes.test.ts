import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import express from 'express';
import routes from '../../../jobs/event/routes.ts';
import { NonRetryableError } from '../../../src/plugin/errors.ts';
import type { RouteCaller, RouteTools } from '../../../src/plugin/routes.ts';
import { silentPluginLog } from '../../support/action-context.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

interface Call {
  caller: RouteCaller;
  action: string;
  params: unknown;
}

/** The routes behind a server that authenticates as ours does; `call` stands for the worker. */
async function serve(t: TestContext, call: () => unknown = () => ({})) {
  const calls: Call[] = [];
  const callers = new WeakMap<object, RouteCaller>();
  const app = express();
  const router = express.Router();
  const tools = {
    log: silentPluginLog,
    async call(request: object, action: string, params: unknown) {
      calls.push({ caller: callers.get(request) as RouteCaller, action, params });
      return call();
    },
  } as unknown as RouteTools;
  app.use(
    routes.prefix,
    async (request, response, next) => {
      const caller = await routes.authenticate?.(request);
      if (!caller) return void response.sendStatus(401);
      callers.set(request, caller);
      next();
    },
    router,
  );
  await routes.routes(router, tools);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const open = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { connection: 'close' },
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { open, calls };
}

for (const [answer, response, said] of [
  ['yes', 'Y', 'you are coming'],
  ['no', 'N', 'you are not coming'],
]) {
  test(`the link that ends in ${answer} records ${response} and says so`, async (t) => {
    const { open, calls } = await serve(t);
    const page = await open(`/event/invitations/acme/${TOKEN}/${answer}`);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html; charset=utf-8$/);
    assert.equal(page.headers.get('cache-control'), 'no-store');
    assert.ok(page.text.includes(said ?? '?'));
    assert.deepEqual(calls, [
      {
        caller: { tenant: 'acme', keyId: 'invitation', permissions: ['event.answerInvitation'] },
        action: 'event.answerInvitation',
        params: { token: TOKEN, response },
      },
    ]);
  });
}

test('a link of what can be no tenant is refused, and nothing is asked or stored', async (t) => {
  const { open, calls } = await serve(t);
  for (const tenant of ['a%20b%2F%C3%BC', 'a%00b', 'x'.repeat(64), '%'])
    assert.equal((await open(`/event/invitations/${tenant}/${TOKEN}/yes`)).status, 401);
  assert.deepEqual(calls, []);
});

test('an unknown token is a page with 404', async (t) => {
  const { open } = await serve(t, () => {
    throw new NonRetryableError('There is no such invitation', { errorCode: 404 });
  });
  const page = await open(`/event/invitations/acme/${TOKEN}/yes`);
  assert.equal(page.status, 404);
  assert.match(page.text, /There is no such invitation/);
});

for (const path of [
  `/event/invitations/acme/${TOKEN}/maybe`,
  `/event/invitations/acme/${TOKEN}/constructor`,
  `/event/invitations/acme/${TOKEN}0/yes`,
  '/event/invitations/acme/%3Cscript%3Ealert(1)%3C%2Fscript%3E/yes',
]) {
  test(`${path} is a page with 404 and records nothing`, async (t) => {
    const { open, calls } = await serve(t);
    const page = await open(path);
    assert.equal(page.status, 404);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    assert.doesNotMatch(page.text, /<script/);
    assert.deepEqual(calls, []);
  });
}

for (const path of ['/event/', '/event/invitations/acme', '/event/invitations/%E0%A4%A/x/yes']) {
  test(`${path} is nobody's request`, async (t) => {
    const { open, calls } = await serve(t);
    const { status } = await open(path);
    assert.ok([400, 401].includes(status), String(status));
    assert.deepEqual(calls, []);
  });
}

test('an answer that could not be recorded is a page that asks to try again', async (t) => {
  const { open } = await serve(t, () => {
    throw new Error('secret detail');
  });
  const page = await open(`/event/invitations/acme/${TOKEN}/yes`);
  assert.equal(page.status, 503);
  assert.match(page.text, /Please try again/);
  assert.doesNotMatch(page.text, /secret detail/);
});

test('HEAD, as link checkers send it, records nothing', async (t) => {
  const { open, calls } = await serve(t);
  const { status } = await open(`/event/invitations/acme/${TOKEN}/yes`, 'HEAD');
  assert.equal(status, 200);
  assert.deepEqual(calls, []);
});
