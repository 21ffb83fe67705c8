import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { BatchwrightError } from '../../../src/contract/errors.ts';
import { limitRate } from '../../../src/http/auth/rate-limit.ts';

/** The status and the Retry-After for a request by this caller. */
async function startLimited(
  t: TestContext,
  perMinute: number,
  maxRemembered?: number,
): Promise<(who: string) => Promise<{ status: number; retryAfter: string | null }>> {
  const app = express();
  app.use(limitRate(perMinute, (request) => String(request.headers['x-who']), maxRemembered));
  app.get('/', (_request, response) => void response.send('here'));
  app.use((error: BatchwrightError, _request: Request, response: Response, _next: NextFunction) => {
    response.status(error.body.errorCode).set('retry-after', String(error.retryAfter)).end();
  });
  const server = app.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return async (who) => {
    const headers = { 'x-who': who, connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${port}`, { headers });
    await response.arrayBuffer();
    return { status: response.status, retryAfter: response.headers.get('retry-after') };
  };
}

test('each caller has a limit per minute, and Retry-After says when the next minute begins', async (t) => {
  const ask = await startLimited(t, 2);
  assert.deepEqual(
    [(await ask('a')).status, (await ask('a')).status, (await ask('b')).status],
    [200, 200, 200],
  );
  const { status, retryAfter } = await ask('a');
  assert.equal(status, 429);
  assert.ok(Number(retryAfter) >= 1 && Number(retryAfter) <= 60, `${retryAfter}`);
  assert.equal((await ask('b')).status, 200);
});

test('the number of remembered callers is limited, and the oldest starts again', async (t) => {
  const ask = await startLimited(t, 1, 2);
  for (const [who, status] of [
    ['a', 200],
    ['b', 200],
    ['a', 429],
    ['c', 200],
    ['a', 429],
    ['b', 200],
  ] as const)
    assert.equal((await ask(who)).status, status, who);
});
