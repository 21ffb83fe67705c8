/** Secrets in requests do not get into the log, whatever the result of the request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { ADMIN_KEY, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';

const system = await startSystem({ after }, { worker: false, env: { LOG_LEVEL: 'trace' } });
const { log: lines } = system;
const { hostname, port } = new URL(system.url);

const SECRET = 'feedfacefeedfacefeedfacefeedface';

/** Sends a request with exactly this target; returns its line of the log. */
async function lineOf(target: string, method = 'GET') {
  lines.length = 0;
  const socket = net.connect(Number(port), hostname);
  socket.write(
    `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nConnection: close\r\n` +
      `Referer: http://x/${SECRET}\r\nCookie: ${SECRET}\r\nContent-Length: 0\r\n\r\n`,
  );
  await text(socket);
  if (!socket.closed) await once(socket, 'close');
  const line = await waitFor(async () => lines.find(({ req }) => req), { what: 'the line of the request' });
  const whole = JSON.stringify(lines);
  assert.ok(!whole.includes(SECRET) && !whole.includes(ADMIN_KEY), whole);
  return { ...line.req, status: line.res.status };
}

const targets: [target: string, path: string, status: number, method?: string][] = [
  [`/event/invitations/default/${SECRET}/yes`, '/event/invitations/:tenant/:token/:answer', 404],
  [`/event/invitations/default/${SECRET}/yes`, '/event/invitations/:tenant/:token/:answer', 404, 'POST'],
  [`/event/invitations/default/${SECRET}0/yes`, '/event/invitations/:tenant/:token/:answer', 404],
  [`/event/invitations/default/${SECRET}/yes/more`, '/event/invitations/*rest', 404],
  [`/evnt/invitations/default/${SECRET}/yes`, '(no route)', 404],
  [`/${SECRET}`, '(no route)', 404],
  [`/healthz?key=${SECRET}`, '/healthz', 200],
  [`/healthz/${SECRET}`, '(no route)', 404],
  [`/v1/batches/${SECRET}?token=${SECRET}`, '/v1/batches/:asyncId', 400],
  [`/v1/batches/${SECRET}/results`, '/v1/batches/:asyncId/results', 404],
  [`/v1/${SECRET}`, '/v1', 404],
  [`/v1/keys/${SECRET}`, '/v1/keys/:id', 404, 'DELETE'],
  [`/api/1.0/batch?action=progress&async=${SECRET}`, '/api/1.0/batch', 404],
  [`/api/1.0/${SECRET}?action=${SECRET}`, '/api/1.0/:namespace', 400, 'POST'],
  [`/rpc-fixture/secrets/${SECRET}/broken`, '/rpc-fixture/secrets/:token/broken', 500],
  [`/rpc-fixture/secrets/${SECRET}/%ff`, '/rpc-fixture', 404],
  [`http://user:${SECRET}@host/v1/actions`, '/v1/actions', 200],
  [`http://user:${SECRET}@host/v1/nothing`, '/v1', 404],
  [`http://${SECRET}@host/batch?action=progress`, '/batch', 404],
  [`http://${SECRET}:80/`, '(no route)', 404],
];
for (const [target, path, status, method] of targets)
  test(`${method ?? 'GET'} ${target} is logged as ${path}`, async () => {
    assert.deepEqual(await lineOf(target, method), {
      method: method ?? 'GET',
      path,
      ip: '127.0.0.1',
      status,
    });
  });

test('a target with user and key is answered without repeating them', async () => {
  const socket = net.connect(Number(port), hostname);
  const body = JSON.stringify({ jobs: [{ namespace: 'test', action: 'echo', params: {} }] });
  socket.write(
    `POST http://user:${SECRET}@host/v1/batches HTTP/1.1\r\nHost: host\r\nConnection: close\r\n` +
      `Authorization: Bearer ${ADMIN_KEY}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 202 /);
  assert.ok(!answer.includes(SECRET), answer);
});
