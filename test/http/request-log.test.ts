import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, test } from 'node:test';
import express from 'express';
import pino from 'pino';
import { BatchwrightError } from '../../src/contract/errors.ts';
import { errorHandler } from '../../src/http/error-handler.ts';
import { requestLog } from '../../src/http/request-log.ts';
import type { Json } from '../support/json.ts';
import { waitFor } from '../support/wait.ts';

const lines: Json[] = [];
const log = pino({ level: 'debug', base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });

const app = express();
app.use(requestLog(log));
app.get('/well', (_request, response) => void response.json({}));
app.get('/wrong', () => {
  throw new BatchwrightError('notFound');
});
const fault = () => new Error('of our own', { cause: new Error('deeper') });
app.get('/fault', () => {
  throw fault();
});
app.get('/fault-midway', (_request, response) => {
  response.write('half of it');
  throw fault();
});
app.get('/fault-later', async (_request, response) => {
  response.json({});
  await once(response, 'close');
  throw fault();
});
app.get('/job-failed', (_request, response) => void response.status(500).json({ errorCode: 500 }));
app.use(errorHandler(log));

let url: string;
before(async () => {
  const server = app.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

/** The lines of one request, without their times. */
async function linesOf(path: string, count = 1) {
  lines.length = 0;
  const headers = { authorization: 'Bearer a-secret', connection: 'close' };
  const answer = await fetch(`${url}${path}?token=a-secret`, { headers }).catch(() => null);
  await answer?.text().catch(() => {});
  await waitFor(async () => lines.length >= count && lines.some(({ res }) => res), {
    what: 'the lines of the request',
  });
  assert.doesNotMatch(JSON.stringify(lines), /a-secret/);
  return lines.map(({ time: _, responseTime, ...line }) => line);
}

const LEVEL = pino.levels.values;

test('a successful request is logged at debug level, and a refused one at info level', async () => {
  assert.deepEqual(await linesOf('/well'), [
    {
      level: LEVEL.debug,
      req: { method: 'GET', path: '/well', ip: '127.0.0.1' },
      res: { status: 200 },
      msg: 'request completed',
    },
  ]);
  assert.deepEqual(await linesOf('/wrong'), [
    {
      level: LEVEL.info,
      req: { method: 'GET', path: '/wrong', ip: '127.0.0.1' },
      res: { status: 404 },
      msg: 'request completed',
    },
  ]);
});

test('an internal error is logged in the line of the request, with its cause', async () => {
  for (const [path, status] of [
    ['/fault', 500],
    ['/fault-midway', 200],
  ] as const) {
    const [{ err, ...line }, ...more] = await linesOf(path);
    assert.deepEqual(more, []);
    assert.match(err.stack, /of our own\n[\s\S]*deeper/);
    assert.deepEqual(line, {
      level: LEVEL.error,
      req: { method: 'GET', path, ip: '127.0.0.1' },
      res: { status },
      msg: 'request failed',
    });
  }
});

test('an internal error after the end of the answer is logged in a line of its own', async () => {
  const [request, fault, ...more] = await linesOf('/fault-later', 2);
  assert.deepEqual(more, []);
  assert.deepEqual([request.level, request.res], [LEVEL.debug, { status: 200 }]);
  assert.deepEqual([fault.level, fault.msg], [LEVEL.error, 'request failed']);
  assert.match(fault.err.stack, /of our own\n[\s\S]*deeper/);
});

test('an answer of 500 without an internal error is logged only as the line of the request', async () => {
  assert.deepEqual(await linesOf('/job-failed'), [
    {
      level: LEVEL.warn,
      req: { method: 'GET', path: '/job-failed', ip: '127.0.0.1' },
      res: { status: 500 },
      msg: 'request errored',
    },
  ]);
});
